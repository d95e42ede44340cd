//! Work whose records never arrived.

use soma_core::ids::{CallId, SessionId, TurnId};
use soma_core::time::Timestamp;
use soma_core::tool::CallState;
use soma_core::work::commit::WorkKind;
use soma_core::work::session::TurnState;

use super::conversation::{Call, Conversation};
use super::state::State;

/// What should have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Missing {
    Message(TurnId),
    Request(CallId),
    Result(CallId),
}

impl State {
    /// Makes ready what was committed before a time and has not arrived. Returns how much.
    pub(super) fn recover_overdue(
        &mut self,
        kind: WorkKind,
        before: Timestamp,
        limit: usize,
    ) -> usize {
        let mut missing: Vec<(Timestamp, Missing, SessionId)> = Vec::new();
        for (session, found) in &self.conversations {
            let late = found.missing(kind).into_iter().filter(|(at, _)| *at < before);
            missing.extend(late.map(|(at, what)| (at, what, *session)));
        }
        missing.sort();
        missing.truncate(limit);
        for (_, what, session) in &missing {
            if let Some(found) = self.conversations.get_mut(session) {
                found.recover_missing(*what);
            }
        }
        missing.len()
    }
}

impl Conversation {
    /// What has not arrived yet, and when it was committed.
    fn missing(&self, kind: WorkKind) -> Vec<(Timestamp, Missing)> {
        let in_state = |state| self.calls.iter().filter(move |call| call.record.state == state);
        match kind {
            WorkKind::Turns => {
                let turns = self.turns.iter();
                let accepted = turns.filter(|turn| turn.record.state == TurnState::Accepted);
                let messages =
                    accepted.map(|turn| (turn.accepted_at, Missing::Message(turn.record.turn_id)));
                let awaited = in_state(CallState::Done).filter(|call| self.is_awaited(call));
                let results =
                    awaited.map(|call| (call.moved_at, Missing::Result(call.record.call.call_id)));
                messages.chain(results).collect()
            }
            WorkKind::Calls => in_state(CallState::Requested)
                .map(|call| (call.moved_at, Missing::Request(call.record.call.call_id)))
                .collect(),
        }
    }

    /// Whether a turn waits for the call.
    fn is_awaited(&self, call: &Call) -> bool {
        let turn = call.record.turn_id.and_then(|turn| self.turn(turn));
        turn.is_some_and(|turn| turn.record.state == TurnState::Waiting)
    }

    fn recover_missing(&mut self, what: Missing) {
        let (call, state) = match what {
            Missing::Message(turn) => {
                self.recover_turn(turn);
                return;
            }
            Missing::Request(call) => (call, CallState::Ready),
            Missing::Result(call) => (call, CallState::Delivered),
        };
        if let Some(call) = self.call_mut(call) {
            call.record.state = state;
        }
    }
}
