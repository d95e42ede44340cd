//! Why a turn fails: for nothing that is not so.

use soma_core::conversation::event::{Event, EventType};

use super::invariant::{Invariant, Wrong};
use super::sessions::{Cancelled, Session, Turn};

/// What a turn says that it failed for is so, as far as the auditor can know.
pub(super) fn failed_for(session: &Session, limited: bool, event: &Event) -> Result<(), Wrong> {
    let turn = event.turn_id.and_then(|id| session.turns.iter().find(|turn| turn.id == id));
    let Some(turn) = turn.filter(|_| event.kind == EventType::TurnFailed) else { return Ok(()) };
    let reason = event.metadata.get("reason").and_then(|reason| reason.as_str());
    match reason.and_then(|reason| is_not_so(turn, limited, reason)) {
        Some(fact) => Err((Invariant::Reason, format!("{} failed as {reason:?}: {fact}", turn.id))),
        None => Ok(()),
    }
}

fn is_not_so(turn: &Turn, limited: bool, reason: &str) -> Option<&'static str> {
    match reason {
        "cancelled" => (turn.cancelled == Cancelled::No).then_some("nobody cancelled it"),
        "over_budget" => (!limited).then_some("there is no limit"),
        "policy_denied" => turn.leave.answer.then_some("it has leave"),
        _ => None,
    }
}
