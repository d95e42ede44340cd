//! What tools answered: a call has the outcome that it had, and no other call's.

use serde_json::json;
use soma_core::conversation::event::{Event, EventType};
use soma_core::ids::{CallId, TurnId};
use soma_core::ports::Store;
use soma_core::tool::{CallChange, ToolOutcome, ToolStatus};
use soma_core::work::commit::Commit;
use soma_inproc::InprocLedger;

use super::invariant::{Invariant, Wrong};
use super::sessions::{Call, Cancelled};
use super::{Audit, Books, now};
use crate::cast::DENIED_TOOL;

/// What a commit says of tool calls.
#[derive(Debug, Default)]
pub(super) struct CallGist {
    /// Those that are asked for: the turn that waits, if one does, and the tool.
    requests: Vec<(CallId, Option<TurnId>, String)>,
    outcomes: Vec<ToolOutcome>,
}

impl CallGist {
    pub(super) fn of(commit: &Commit) -> Self {
        let mut gist = Self::default();
        for change in &commit.calls {
            match change {
                CallChange::Request { turn_id, call } => {
                    gist.requests.push((call.call_id, *turn_id, call.tool_name.clone()));
                }
                CallChange::Finish { outcome } => gist.outcomes.push(outcome.clone()),
                CallChange::Claim { .. } => {}
            }
        }
        gist
    }
}

impl Audit {
    /// A tool has answered a call, whether anybody hears of it or not.
    pub fn tool_answered(&self, outcome: &ToolOutcome) {
        let mut books = self.books();
        let call = books.sessions.calls.entry(outcome.call_id).or_default();
        call.answers.push(outcome.clone());
    }
}

impl Books {
    /// A commit said something of tool calls, and these are its events.
    pub(super) fn calls_changed(
        &mut self,
        gist: CallGist,
        events: &[Event],
        wrong: &mut Vec<Wrong>,
    ) {
        for (id, turn, tool) in gist.requests {
            let call = self.sessions.calls.entry(id).or_default();
            (call.turn, call.tool) = (turn, tool);
        }
        for event in events.iter().filter(|event| event.kind == EventType::ToolResult) {
            if !gist.outcomes.iter().any(|outcome| says(event, outcome)) {
                let what = format!("{:?} is told another outcome", event.metadata.get("call_id"));
                wrong.push((Invariant::Outcome, what));
            }
        }
        for outcome in gist.outcomes {
            let call = self.sessions.calls.entry(outcome.call_id).or_default();
            // The first one stands.
            if call.outcome.is_some() {
                continue;
            }
            call.outcome = Some(outcome.clone());
            let call = &self.sessions.calls[&outcome.call_id];
            if let Some(fact) = self.is_not_so(call, &outcome) {
                let ToolOutcome { call_id, status, .. } = outcome;
                let what = format!("{call_id} of {} ended as {status:?}: {fact}", call.tool);
                wrong.push((Invariant::Outcome, what));
            }
        }
    }

    fn is_not_so(&self, call: &Call, outcome: &ToolOutcome) -> Option<&'static str> {
        match outcome.status {
            ToolStatus::Success | ToolStatus::Error | ToolStatus::Timeout => {
                (!call.answers.contains(outcome)).then_some("it did not answer so")
            }
            ToolStatus::Blocked => {
                let may_be = call.tool == DENIED_TOOL || self.policy_failed;
                (!may_be).then_some("policy allows it, and decided")
            }
            ToolStatus::Cancelled => {
                let turn = call.turn.and_then(|turn| self.sessions.turn(turn));
                let is_over =
                    |of: &super::sessions::Turn| of.is_over || of.cancelled != Cancelled::No;
                (!turn.is_some_and(is_over)).then_some("somebody waits for it")
            }
            ToolStatus::OutcomeUnknown => (call.claims == 0).then_some("nobody began it"),
        }
    }
}

/// Whether an event tells this outcome.
fn says(event: &Event, outcome: &ToolOutcome) -> bool {
    let payload = outcome.payload.to_string();
    event.metadata.get("call_id") == Some(&json!(outcome.call_id))
        && event.metadata.get("status") == Some(&json!(outcome.status))
        && event.message == payload
}

/// The ledger has the outcome of each call that is there still.
pub(super) fn kept(ledger: &InprocLedger, books: &Books, found: &mut Vec<Wrong>) {
    for (id, call) in &books.sessions.calls {
        let Some(record) = now(ledger.call(*id)).flatten() else { continue };
        if record.outcome.is_none() || record.outcome != call.outcome {
            let what = format!("{id} has {:?}, and had {:?}", record.outcome, call.outcome);
            found.push((Invariant::Outcome, what));
        }
    }
}
