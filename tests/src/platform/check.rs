//! What must hold of a tenant's sessions once nothing is under way any more.

use std::collections::BTreeSet;
use std::time::Duration;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Spent};
use soma_core::conversation::chain::{Chain, Link};
use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::identity::Principal;
use soma_core::ids::{EventId, TurnId};
use soma_core::memory::RecallQuery;
use soma_core::policy::Action;
use soma_core::tool::CallState;
use soma_core::turn::input::Input;
use soma_core::turn::machine::{Phase, Turn};
use soma_core::work::session::{EventRange, Session, TurnRecord};
use soma_simulation::platform::Ports;

use super::instances::Platform;

const PATIENCE: Duration = Duration::from_mins(10);
const LOOK: Duration = Duration::from_millis(50);
const MOST: usize = 10_000;

/// What was found, and found in order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The sessions' events, session by session.
    pub events: Vec<Event>,
    /// The turns, session by session, in the order they were accepted.
    pub turns: Vec<TurnRecord>,
    /// What the tenant has used.
    pub used: u64,
    /// How many rows the replica has.
    pub replicated: u64,
}

impl Report {
    /// The events that end turns.
    pub fn endings(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind.is_terminal())
    }
}

/// Waits until nothing is under way: every turn of the tenant has ended, and what follows from it
/// has arrived.
///
/// # Panics
///
/// If it does not come to rest.
pub async fn quiet(platform: &Platform, who: &Principal) {
    let begun = platform.stage.clock.now();
    loop {
        let unrest = unrest(platform, who).await;
        let Some(what) = unrest else { return };
        let passed = platform.stage.clock.now().since(begun);
        assert!(passed < PATIENCE, "it does not come to rest: {what}");
        platform.pass(LOOK).await;
    }
}

/// Waits for quiet, and checks everything that must hold then.
///
/// # Panics
///
/// If something does not.
pub async fn check(platform: &Platform, who: &Principal) -> Report {
    quiet(platform, who).await;
    let ports = &platform.truth;
    let mut report = Report::default();
    let mut remembered = BTreeSet::new();
    for session in sessions(ports, who).await {
        let events = events(ports, who, &session).await;
        numbered_and_chained(&session, &events);
        let turns = turns(ports, &events).await;
        ended_once_and_in_order(&session, &events, &turns);
        for turn in &turns {
            folds_to_its_end(turn);
            remembered.extend(to_remember(turn, &events));
        }
        let open = ports.store.open_calls(session.session_id).await.expect("the truth");
        assert_eq!(open, [], "no call is left open");
        report.events.extend(events);
        report.turns.extend(turns);
    }
    report.used = settled(platform, who, &report).await;
    report.replicated = replicated(platform, who, &remembered);
    known(ports, who, &remembered).await;
    report
}

/// What is still under way, if anything is.
async fn unrest(platform: &Platform, who: &Principal) -> Option<String> {
    let ports = &platform.truth;
    let sessions = sessions(ports, who).await;
    for session in &sessions {
        if session.turns_done < session.turns_accepted {
            return Some(format!("a turn is unfinished: {session:#?}"));
        }
        let open = ports.store.open_calls(session.session_id).await.expect("the truth");
        if !open.is_empty() {
            return Some(format!("calls are open: {open:#?}"));
        }
    }
    let depth = ports.outbox.depth().await.expect("the truth");
    if depth.rows > 0 {
        return Some(format!("the outbox has {} rows", depth.rows));
    }
    let backlog = ports.memory_queue.backlog().await.expect("the truth");
    if backlog > 0 {
        return Some(format!("{backlog} memories wait to be written or forgotten"));
    }
    let mut remembered = 0;
    for session in &sessions {
        let events = events(ports, who, session).await;
        for turn in turns(ports, &events).await {
            remembered += to_remember(&turn, &events).len() as u64;
        }
    }
    let rows = platform.replica_rows(who).len() as u64;
    (rows < remembered).then(|| format!("the replica has {rows} of {remembered} rows"))
}

async fn sessions(ports: &Ports, who: &Principal) -> Vec<Session> {
    ports.store.sessions(&who.tenant, None, MOST).await.expect("the truth")
}

async fn events(ports: &Ports, who: &Principal, session: &Session) -> Vec<Event> {
    let all = EventRange::After(Seq(0));
    ports.store.events(&who.tenant, session.session_id, all, MOST).await.expect("the truth")
}

/// The turns of a session, in the order their messages were accepted.
async fn turns(ports: &Ports, events: &[Event]) -> Vec<TurnRecord> {
    let mut turns = Vec::new();
    for event in events.iter().filter(|event| event.kind == EventType::UserMessage) {
        let turn = event.turn_id.expect("a message has a turn");
        let record = ports.store.turn(turn).await.expect("the truth");
        turns.push(record.expect("an accepted turn has a record"));
    }
    turns
}

fn numbered_and_chained(session: &Session, events: &[Event]) {
    let mut chain = Chain::new(session.session_id);
    let mut ids = BTreeSet::new();
    for event in events {
        if event.kind.is_terminal() {
            let stated = &event.metadata["chain"];
            assert_eq!(stated["count"], chain.count.0, "an ending states the chain before it");
            assert_eq!(stated["head"], chain.head.to_string());
        }
        chain.verify(&Link::of(event), event.hash).expect("events are dense and chained");
        assert!(ids.insert(event.event_id), "{event:?} is there twice");
    }
    assert_eq!(chain, session.chain, "the session knows its chain");
}

fn ended_once_and_in_order(session: &Session, events: &[Event], turns: &[TurnRecord]) {
    let accepted: Vec<TurnId> = turns.iter().map(|turn| turn.turn_id).collect();
    let endings = events.iter().filter(|event| event.kind.is_terminal());
    let ended: Vec<TurnId> = endings.filter_map(|event| event.turn_id).collect();
    assert_eq!(ended, accepted, "each turn ends once, in the order accepted");
    assert_eq!(session.turns_accepted, accepted.len() as u64);
    assert_eq!(session.turns_done, accepted.len() as u64);
    for (place, turn) in turns.iter().enumerate() {
        assert_eq!(turn.number, place as u64 + 1);
        let mut of_turn = events.iter().filter(|event| event.turn_id == Some(turn.turn_id));
        let last = of_turn.next_back().expect("a turn has events");
        assert!(last.kind.is_terminal(), "{last:?} follows the end of its turn");
        let done = |state| matches!(state, CallState::Done | CallState::Delivered);
        assert!(turn.calls.iter().all(|call| done(call.state)), "{:#?}", turn.calls);
    }
}

fn folds_to_its_end(turn: &TurnRecord) {
    let (state, call) = Turn::fold(turn.turn_id, &turn.inputs).expect("a record folds");
    assert_eq!((state.phase(), call), (Phase::Done, None));
}

/// The events of a turn that are to be remembered: none where policy forbids, the answer only if
/// there is one.
fn to_remember(turn: &TurnRecord, events: &[Event]) -> Vec<EventId> {
    let decisions = turn.inputs.iter().find_map(|recorded| match &recorded.input {
        Input::Authorized { decisions } => Some(decisions),
        Input::Accepted(_)
        | Input::Started { .. }
        | Input::ContextLoaded(_)
        | Input::BudgetAnswered { .. }
        | Input::ModelAnswered(_)
        | Input::ModelFailed { .. }
        | Input::ToolFinished { .. }
        | Input::Interrupted
        | Input::Released { .. }
        | Input::Cancelled { .. }
        | Input::GaveUp { .. } => None,
    });
    let allows = |action: Action| {
        decisions.is_some_and(|decisions| decisions.iter().any(|d| d.action == action && d.allow))
    };
    if !allows(Action::ConversationSend) || !allows(Action::MemoryWrite) {
        return Vec::new();
    }
    let said =
        |event: &&Event| matches!(event.kind, EventType::UserMessage | EventType::AssistantFinal);
    let of_turn = events.iter().filter(|event| event.turn_id == Some(turn.turn_id));
    of_turn.filter(said).map(|event| event.event_id).collect()
}

/// What was used is what the turns say, and nothing is set aside any more.
async fn settled(platform: &Platform, who: &Principal, report: &Report) -> u64 {
    let account = Account { tenant: who.tenant.clone(), persona_id: None };
    let window = BudgetWindow::at(platform.stage.clock.now());
    let spent = platform.truth.usage.balance(&account, window).await.expect("the truth").spent();
    let used =
        report.endings().filter_map(|event| event.metadata["usage"]["total_tokens"].as_u64());
    assert_eq!(spent, Spent { used: used.sum(), reserved: 0 }, "all that was reserved is settled");
    spent.used
}

/// The memory knows what is to be remembered, and nothing else.
async fn known(ports: &Ports, who: &Principal, remembered: &BTreeSet<EventId>) {
    let newest = RecallQuery {
        tenant: who.tenant.clone(),
        session_id: None,
        text: String::new(),
        limit: MOST,
        except: Vec::new(),
    };
    let hits = ports.memory.recall(&newest).await.expect("the truth");
    let known: BTreeSet<EventId> = hits.iter().map(|hit| hit.event_id).collect();
    assert_eq!(&known, remembered, "the memory knows what is to be remembered");
}

fn replicated(platform: &Platform, who: &Principal, remembered: &BTreeSet<EventId>) -> u64 {
    let rows = platform.replica_rows(who);
    let replicated: BTreeSet<EventId> = rows.iter().map(|row| row.write.event_id).collect();
    assert_eq!(&replicated, remembered, "the replica has what was remembered");
    assert_eq!(rows.len(), remembered.len(), "the replica has each memory once");
    rows.len() as u64
}
