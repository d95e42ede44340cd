//! What must hold of a session when nothing is under way any more.

use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::{Event, EventType, Seq};
use soma_core::ids::{EventId, SessionId, TurnId};
use soma_core::policy::Action;
use soma_core::ports::Store;
use soma_core::tool::CallState;
use soma_core::turn::input::Input;
use soma_core::turn::machine::{Phase, Turn};
use soma_core::work::session::{EventRange, TurnRecord, TurnState};
use soma_inproc::InprocLedger;

use super::Found;
use crate::audit::invariant::Invariant;
use crate::audit::sessions::Session;
use crate::audit::{Books, now};

/// Nothing of an erased session is left.
pub(super) fn gone(ledger: &InprocLedger, id: SessionId, known: &Session, found: &mut Found) {
    let is_there = now(ledger.session(&known.tenant, id)).flatten().is_some();
    let turns = known.turns.iter().filter(|turn| now(ledger.turn(turn.id)).flatten().is_some());
    let left = turns.count() + now(ledger.open_calls(id)).unwrap_or_default().len();
    if is_there || left > 0 {
        found.push((Invariant::TenantIsolation, format!("{id} was erased, and is there")));
    }
}

/// A session is as it was committed, and each of its turns came to its end.
pub(super) fn whole(
    ledger: &InprocLedger,
    books: &Books,
    id: SessionId,
    known: &Session,
    found: &mut Found,
) {
    let Some(session) = now(ledger.session(&known.tenant, id)).flatten() else {
        return found.push((Invariant::NothingLost, format!("{id} is not there")));
    };
    let all = EventRange::After(Seq(0));
    let events = now(ledger.events(&known.tenant, id, all, usize::MAX)).unwrap_or_default();
    as_committed(id, &events, known, &session.chain, found);
    let accepted: Vec<TurnId> = known.turns.iter().map(|turn| turn.id).collect();
    let endings = events.iter().filter(|event| event.kind.is_terminal());
    let ended: Vec<TurnId> = endings.filter_map(|event| event.turn_id).collect();
    if ended != accepted {
        let what = format!("{id} accepted {accepted:?}, and ended {ended:?}");
        found.push((Invariant::Order, what));
    }
    let count = accepted.len() as u64;
    if (session.turns_accepted, session.turns_done) != (count, count) {
        let what = format!(
            "{id} counts {} turns, {} done, of {count}",
            session.turns_accepted, session.turns_done
        );
        found.push((Invariant::Conservation, what));
    }
    said(books, id, &events, found);
    for (number, turn) in (1..).zip(accepted) {
        let Some(record) = now(ledger.turn(turn)).flatten() else {
            found.push((Invariant::NothingLost, format!("{turn} has no record")));
            continue;
        };
        if record.number != number {
            let what = format!("{turn} is turn {} of {id}, for {number}", record.number);
            found.push((Invariant::Order, what));
        }
        let of_turn: Vec<&Event> =
            events.iter().filter(|event| event.turn_id == Some(turn)).collect();
        came_to_its_end(&record, &of_turn, found);
        paid(books, turn, &of_turn, found);
        left_to_be_remembered(books, &record, &of_turn, found);
    }
}

/// The events are those that were committed: their hashes hold for what they say.
fn as_committed(
    id: SessionId,
    events: &[Event],
    known: &Session,
    stated: &Chain,
    found: &mut Found,
) {
    let committed = known.hashes.iter().zip(1..);
    let is_same = events.iter().map(|event| (&event.hash, event.seq.0)).eq(committed);
    if !is_same || known.chain != *stated {
        found.push((Invariant::Chain, format!("{id} is not as it was committed")));
    }
}

/// What clients were told is accepted is there, as they said it.
fn said(books: &Books, id: SessionId, events: &[Event], found: &mut Found) {
    let of_session =
        books.acknowledged.iter().filter(|(_, _, receipt, _)| receipt.session_id == id);
    for (_, key, receipt, text) in of_session {
        let is_it = |event: &Event| {
            event.event_id == receipt.event_id
                && event.turn_id == Some(receipt.turn_id)
                && event.message == *text
        };
        if !events.iter().any(is_it) {
            let what = format!("{key} was acknowledged as {receipt:?}, {text:?} is not there");
            found.push((Invariant::NothingLost, what));
        }
    }
}

/// The record comes to its end, and so do the calls of tools.
fn came_to_its_end(record: &TurnRecord, events: &[&Event], found: &mut Found) {
    let turn = record.turn_id;
    let failed = events.last().is_some_and(|event| event.kind == EventType::TurnFailed);
    let folded = Turn::fold(turn, &record.inputs);
    let done = folded.is_ok_and(|(turn, _)| turn.phase() == Phase::Done);
    if record.state != TurnState::Done || (!done && !failed) {
        found.push((Invariant::Conservation, format!("the record of {turn} does not end")));
    }
    let open = record.calls.iter().filter(|call| call.state < CallState::Done);
    for call in open {
        let what = format!("{} of {turn} is {:?}", call.call.call_id, call.state);
        found.push((Invariant::Drains, what));
    }
}

/// What the end of a turn says that it used is what was settled.
fn paid(books: &Books, turn: TurnId, events: &[&Event], found: &mut Found) {
    let stated = events.last().and_then(|last| last.metadata.get("usage")?.get("total_tokens"));
    let settled = books.accounts.settled(turn);
    if let Some(stated) = stated.filter(|stated| stated.as_u64() != Some(settled)) {
        let what = format!("{turn} says that it used {stated} tokens, {settled} were settled");
        found.push((Invariant::Budget, what));
    }
}

/// What was said in a turn is left to be remembered, where policy allows it.
fn left_to_be_remembered(books: &Books, record: &TurnRecord, events: &[&Event], found: &mut Found) {
    let mut decisions = record.inputs.iter().filter_map(|recorded| {
        if let Input::Authorized { decisions } = &recorded.input { Some(decisions) } else { None }
    });
    let allowed = decisions.next().is_some_and(|decisions| {
        let allows = |action| decisions.iter().any(|one| one.action == action && one.allow);
        allows(Action::ConversationSend) && allows(Action::MemoryWrite)
    });
    let said = events
        .iter()
        .filter(|event| matches!(event.kind, EventType::UserMessage | EventType::AssistantFinal));
    let wrong = said.map(|event| event.event_id).filter(|event| {
        let queued: bool = books.memories.is_queued_for(*event);
        queued != allowed
    });
    let wrong: Vec<EventId> = wrong.collect();
    if !wrong.is_empty() {
        let turn = record.turn_id;
        let what = format!("{turn} may be remembered: {allowed}; it is not so for {wrong:?}");
        found.push((Invariant::NothingLost, what));
    }
}
