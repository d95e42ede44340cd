//! What is checked when a commit takes effect.

use std::collections::BTreeMap;

use soma_core::budget::UsageChange;
use soma_core::conversation::chain::{Chain, Link};
use soma_core::conversation::event::{Event, EventType};
use soma_core::digest::Digest32;
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::policy::Action;
use soma_core::time::Timestamp;
use soma_core::tool::CallChange;
use soma_core::work::commit::{Cancel, Commit, Fence, WorkKind};
use soma_core::work::session::TurnState;

use super::Books;
use super::invariant::{Invariant, Wrong};
use super::memories::Write;
use super::models::Rules;
use super::outcomes::CallGist;
use super::reasons::{ending, failed_for};
use super::sessions::{Cancelled, Leave, Said, Session, Turn, slot_of};
use super::work::acquitted;

/// What the auditor needs to know of a commit, taken before it is given away.
pub(super) struct Gist {
    tenant: TenantId,
    session: SessionId,
    fence: Fence,
    key: Option<String>,
    cancel: Option<Cancel>,
    accept: Option<TurnId>,
    progress: Option<(TurnId, TurnState)>,
    /// Which kinds of work are shown to kill no workers, and which claims are released.
    proofs: Vec<WorkKind>,
    releases: Vec<WorkKind>,
    leave: Leave,
    claims: Vec<(CallId, bool)>,
    calls: CallGist,
    usage: Vec<UsageChange>,
    memory: Vec<Write>,
}

impl Gist {
    pub(super) fn of(commit: &Commit) -> Self {
        let allows = |action| {
            let mut decisions = commit.decisions.iter();
            decisions.any(|decision| decision.action == action && decision.allow)
        };
        let claims = commit.calls.iter().filter_map(|change| match change {
            CallChange::Claim { call_id } => Some((*call_id, allows(Action::ToolExecute))),
            CallChange::Request { .. } | CallChange::Finish { .. } => None,
        });
        Self {
            tenant: commit.tenant.clone(),
            session: commit.session_id,
            fence: commit.fence,
            key: commit.request.as_ref().map(|request| request.key.clone()),
            cancel: commit.cancel,
            accept: commit.accept.as_ref().map(|accept| accept.turn_id),
            progress: commit.turn.as_ref().map(|turn| (turn.turn_id, turn.state)),
            proofs: WorkKind::ALL.iter().copied().filter(|kind| commit.is_proof(*kind)).collect(),
            releases: WorkKind::ALL.iter().copied().filter(|kind| commit.releases(*kind)).collect(),
            leave: Leave {
                answer: allows(Action::ConversationSend),
                memory: allows(Action::MemoryWrite),
            },
            claims: claims.collect(),
            calls: CallGist::of(commit),
            usage: commit.usage.clone(),
            memory: commit.memory.iter().map(Write::of).collect(),
        }
    }
}

impl Books {
    /// A commit took effect, and these are its events.
    pub(super) fn committed(&mut self, gist: Gist, events: &[Event], now: Timestamp) {
        let mut wrong = Vec::new();
        let known = self.known(gist.session, events);
        let session = self
            .sessions
            .by_id
            .entry(gist.session)
            .or_insert_with(|| Session::open(gist.session, gist.tenant.clone()));
        if session.erased {
            wrong.push((Invariant::TenantIsolation, format!("{} came back", gist.session)));
        }
        if session.tenant != gist.tenant {
            let what = format!("{} wrote in {}", gist.tenant, gist.session);
            wrong.push((Invariant::TenantIsolation, what));
        }
        wrong.extend(fenced(session, &gist).err());
        gist.proofs.iter().for_each(|kind| acquitted(session, *kind));
        for kind in &gist.releases {
            session.slots[slot_of(*kind)].owner = None;
        }
        // One that waits for its tools is ended by who claims it, once its tenant may hold one more.
        let is_held = session.slots[slot_of(WorkKind::Turns)].owner.is_some();
        if let Some(running) = cancelled(session, gist.cancel).filter(|_| is_held) {
            self.lateness.cancelled(running, now);
        }
        if let Some(id) = gist.accept {
            session.turns.push(Turn::new(id, session.found()));
            self.sessions.accepted += 1;
            wrong.extend(let_in(self.rules, &mut self.let_in, &gist.tenant).err());
            self.sessions.of_turn.insert(id, gist.session);
        }
        let ended = progressed(session, &gist, &mut wrong);
        self.sessions.ended += u64::from(ended);
        for event in events {
            wrong.extend(chained(session, event).err());
            wrong.extend(told(session, event).err());
            wrong.extend(known.and_then(|known| failed_for(session, known, event).err()));
            if event.kind.is_terminal() {
                *self.endings.entry(ending(event)).or_default() += 1;
            }
        }
        wrong.extend(ended_with_words(session, &gist, ended).err());
        for (call, allowed) in gist.claims {
            let call = self.sessions.calls.entry(call).or_default();
            call.claims += 1;
            call.allowed = allowed;
        }
        self.calls_changed(gist.calls, events, &mut wrong);
        self.usage_changed(&gist.usage, &mut wrong);
        for write in gist.memory {
            wrong.extend(self.memories.queued(write).err());
        }
        if let (Some(key), Some(turn)) = (gist.key, gist.accept)
            && let Some(first) = self.keys.insert((gist.tenant, key.clone()), turn)
        {
            let what = format!("{key} was accepted as {first} and as {turn}");
            wrong.push((Invariant::NothingDuplicated, what));
        }
        for (invariant, what) in wrong {
            self.violate(invariant, what);
        }
    }
}

impl Books {
    fn usage_changed(&mut self, usage: &[UsageChange], wrong: &mut Vec<Wrong>) {
        for change in usage {
            wrong.extend(self.paid(change).err());
            wrong.extend(self.accounts.change(change).err());
        }
    }

    /// What a call used is what it cost, or all that was set aside for it if its worker was lost.
    fn paid(&mut self, change: &UsageChange) -> Result<(), Wrong> {
        match change {
            UsageChange::Reserve { key, .. } => {
                if let Some(turn) = self.sessions.turn_mut(key.turn_id) {
                    turn.taken_at_reservation = turn.taken;
                }
                Ok(())
            }
            UsageChange::Settle { reservation, used } => {
                let key = reservation.key;
                let Some(amount) = self.accounts.amount(key) else { return Ok(()) };
                let turn = self.sessions.turn_mut(key.turn_id);
                let (lost, taken_over) = turn.map_or((false, false), |turn| {
                    (turn.taken > turn.taken_at_reservation, turn.taken > 1)
                });
                // The call that was heard may be that of a worker which had lost the turn, while the
                // one that has it was told to stop before it called.
                let not_called = taken_over && *used == 0;
                if self.model_calls.cost(key, *used) || (lost && *used == amount) || not_called {
                    return Ok(());
                }
                Err((Invariant::Budget, format!("{key:?} was settled by {used} of {amount}")))
            }
            UsageChange::SettleInFull { .. } => Ok(()),
        }
    }
}

/// Of messages that are counted, only those that were let in are accepted.
fn let_in(
    rules: Rules,
    let_in: &mut BTreeMap<TenantId, (u64, u64)>,
    tenant: &TenantId,
) -> Result<(), Wrong> {
    let (let_in, accepted) = let_in.entry(tenant.clone()).or_default();
    *accepted += 1;
    if rules.has_rate && *accepted > *let_in {
        let what = format!("{accepted} messages of {tenant} were accepted, {let_in} let in");
        return Err((Invariant::RefusedIsAbsent, what));
    }
    Ok(())
}

fn fenced(session: &Session, gist: &Gist) -> Result<(), Wrong> {
    let Fence::Work { kind, epoch } = gist.fence else { return Ok(()) };
    let slot = &session.slots[slot_of(kind)];
    if slot.epoch == epoch && slot.owner.is_some() {
        return Ok(());
    }
    let what = format!(
        "{} took a commit of {kind:?} under epoch {epoch}, at {} ({})",
        gist.session,
        slot.epoch,
        if slot.owner.is_some() { "held" } else { "released" }
    );
    Err((Invariant::Fencing, what))
}

/// Takes note of which turns a person does not want any more. Answers the one that runs, if one does
/// that was wanted until now.
fn cancelled(session: &mut Session, cancel: Option<Cancel>) -> Option<TurnId> {
    let many = match cancel? {
        Cancel::Running => 1,
        Cancel::All => usize::MAX,
    };
    let head = session.turns.iter().find(|turn| !turn.ended);
    // Who has just claimed it and does not listen yet is told by its next heartbeat.
    let listens = |turn: &&Turn| turn.taken > 0 && turn.taken == turn.taken_at_reservation;
    let running = head.filter(listens).filter(|turn| turn.cancelled == Cancelled::No);
    let running = running.map(|turn| turn.id);
    let open = session.turns.iter_mut().filter(|turn| !turn.ended).take(many);
    for turn in open.filter(|turn| turn.cancelled == Cancelled::No) {
        turn.cancelled = Cancelled::Asked;
    }
    running
}

/// The event is the next of its session's chain, and there once.
fn chained(session: &mut Session, event: &Event) -> Result<(), Wrong> {
    let before = session.chain;
    let next = before.count.next();
    let verified = session.chain.verify(&Link::of(event), event.hash);
    session.chain = Chain { count: event.seq, head: event.hash };
    session.hashes.push(event.hash);
    if event.seq != next {
        let what = format!("{} got event {} for {}", event.session_id, event.seq.0, next.0);
        return Err((Invariant::Order, what));
    }
    if let Err(error) = verified {
        return Err((Invariant::Chain, format!("{}: {error}", event.session_id)));
    }
    if event.kind.is_terminal() && !states(event, &before) {
        let what = format!("{} ends {:?} with another chain", event.session_id, event.turn_id);
        return Err((Invariant::Chain, what));
    }
    if session.events.insert(event.event_id) {
        return Ok(());
    }
    let what = format!("{} has {} twice", event.session_id, event.event_id);
    Err((Invariant::NothingDuplicated, what))
}

/// Whether an ending states the chain before it.
fn states(ending: &Event, before: &Chain) -> bool {
    let Some(stated) = ending.metadata.get("chain") else { return false };
    let head = stated["head"].as_str().and_then(Digest32::from_hex);
    stated["count"].as_u64() == Some(before.count.0) && head == Some(before.head)
}

/// What is said of a turn is said before its end, and answered only with leave.
fn told(session: &mut Session, event: &Event) -> Result<(), Wrong> {
    let Some(id) = event.turn_id else { return Ok(()) };
    let Some(turn) = session.turn_mut(id) else {
        let what = format!("{:?} is of {id}, which was never accepted", event.kind);
        return Err((Invariant::NothingLost, what));
    };
    if turn.is_over {
        return Err((Invariant::Order, format!("{:?} follows the end of {id}", event.kind)));
    }
    if event.kind == EventType::UserMessage {
        turn.said = Said {
            bytes: event.message.len(),
            denied: event.metadata.contains_key("deny"),
            escalated: event.metadata.contains_key("escalate"),
        };
    }
    if event.kind == EventType::ToolRequested {
        turn.model_failures.clear();
    }
    turn.is_over = event.kind.is_terminal();
    if event.kind == EventType::AssistantFinal && !turn.leave.answer {
        return Err((Invariant::FailClosed, format!("{id} was answered without leave")));
    }
    if event.kind == EventType::AssistantFinal && turn.cancelled == Cancelled::Known {
        return Err((Invariant::Cancelled, format!("{id} was taken up cancelled, and answered")));
    }
    Ok(())
}

/// Answers whether the turn ended.
fn progressed(session: &mut Session, gist: &Gist, wrong: &mut Vec<Wrong>) -> bool {
    let Some((id, state)) = gist.progress else { return false };
    let head = session.head();
    let Some(turn) = session.turn_mut(id) else {
        wrong.push((Invariant::NothingLost, format!("{id} made progress, never accepted")));
        return false;
    };
    turn.leave.answer |= gist.leave.answer;
    turn.leave.memory |= gist.leave.memory;
    if !gist.memory.is_empty() && !turn.leave.memory {
        wrong.push((Invariant::FailClosed, format!("{id} is remembered without leave")));
    }
    if turn.ended {
        wrong.push((Invariant::NothingDuplicated, format!("{id} made progress after its end")));
        return false;
    }
    if head != Some(id) {
        wrong.push((Invariant::Order, format!("{id} made progress before {head:?}")));
    }
    turn.ended = state == TurnState::Done;
    turn.ended
}

/// A turn is done exactly when its terminal event is recorded.
fn ended_with_words(session: &mut Session, gist: &Gist, ended: bool) -> Result<(), Wrong> {
    let Some((id, _)) = gist.progress else { return Ok(()) };
    match session.turn_mut(id) {
        Some(turn) if turn.is_over != turn.ended => {
            let what =
                if ended { "is done without an end" } else { "has its end, and is not done" };
            Err((Invariant::Conservation, format!("{id} {what}")))
        }
        Some(_) | None => Ok(()),
    }
}
