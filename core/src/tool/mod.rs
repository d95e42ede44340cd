//! Calls of tools: what they are, what came of them, and the states of the ledger.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{CallId, SessionId, TenantId, TurnId};
use crate::names::names;
use crate::trace::TraceContext;
use crate::unreadable::Unreadable;

/// What a model is told about a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// `[a-z][a-z0-9_]*`, at most 64 characters.
    pub name: String,
    /// What it does, for a model and for people.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
    /// Whether running it twice with the same arguments does no more than running it once.
    pub idempotent: bool,
    /// Whether a person must agree to each call.
    pub needs_approval: bool,
    /// How long one call may take, in seconds.
    pub timeout_seconds: u64,
}

impl ToolSpec {
    /// Whether it may run. A person who must agree cannot be asked yet: until then, what needs an
    /// approval is neither offered to a model nor run.
    pub const fn may_run(&self) -> bool {
        !self.needs_approval
    }
}

/// Why a call of a tool that needs an approval is refused.
pub const NEEDS_APPROVAL: &str =
    "this tool needs a person's approval, which cannot be given yet: it was not run";

/// One call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ours, made of stable data.
    pub call_id: CallId,
    /// The model's own id for it; ours as text when a client asked.
    pub model_call_id: String,
    /// The tool's name.
    pub tool_name: String,
    /// The arguments, as JSON text: a model may have written anything.
    pub arguments: String,
}

impl ToolCall {
    /// A call of which only the id is known.
    pub const fn unknown(call_id: CallId) -> Self {
        Self {
            call_id,
            model_call_id: String::new(),
            tool_name: String::new(),
            arguments: String::new(),
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It ran and answered.
    Success,
    /// It could not do what it was asked; the payload says why.
    Error,
    /// Policy did not allow it.
    Blocked,
    /// It took longer than it may.
    Timeout,
    /// The executor died while it ran, and running it again might do it twice.
    OutcomeUnknown,
    /// The turn was cancelled before it ran.
    Cancelled,
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// The call.
    pub call_id: CallId,
    /// What came of it.
    pub status: ToolStatus,
    /// The tool's answer, or `{message}` when it failed.
    pub payload: Value,
    /// How long it ran, in seconds.
    pub execution_time: f64,
}

impl ToolOutcome {
    /// A failure with a text for the model and for people.
    pub fn failed(call_id: CallId, status: ToolStatus, message: impl Into<String>) -> Self {
        let payload = serde_json::json!({"message": message.into()});
        Self { call_id, status, payload, execution_time: 0.0 }
    }
}

/// Where a call is: the states of the ledger. Only forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Asked for; its request is in the outbox.
    Requested,
    /// Its request reached the executor's queue.
    Ready,
    /// An executor said that it is about to run it.
    Claimed,
    /// It has an outcome.
    Done,
    /// Its outcome reached whoever waits for it.
    Delivered,
}

names!(CallState, "state of a call", {
    Requested = "requested",
    Ready = "ready",
    Claimed = "claimed",
    Done = "done",
    Delivered = "delivered",
});

/// A row of the tool-call ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Whose call.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// The turn that waits for it; none when a client asked directly.
    pub turn_id: Option<TurnId>,
    /// The call.
    pub call: ToolCall,
    /// Where it is.
    pub state: CallState,
    /// How often it was claimed.
    pub tries: u32,
    /// What came of it, once done.
    pub outcome: Option<ToolOutcome>,
    /// The trace of the commit that requested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// What is stored, if the call or its outcome cannot be read: `call` has only its id then, and
    /// `outcome` is none.
    pub unreadable: Option<Unreadable>,
}

/// A change to the ledger, as part of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum CallChange {
    /// Adds a call in state [`CallState::Requested`]; nothing if it is there.
    Request {
        /// The turn that waits for it, if any.
        turn_id: Option<TurnId>,
        /// The call.
        call: ToolCall,
    },
    /// Moves a call to [`CallState::Claimed`] and counts the try. Committed before it runs.
    Claim {
        /// The call.
        call_id: CallId,
    },
    /// Moves a call to [`CallState::Done`]; nothing if it is there.
    Finish {
        /// What came of it.
        outcome: ToolOutcome,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn states_of_a_call_go_only_forward() {
        use CallState::{Claimed, Delivered, Done, Ready, Requested};

        assert!([Requested, Ready, Claimed, Done, Delivered].is_sorted());
    }

    #[test]
    fn failed_outcome_tells_model_and_person_why() {
        let call = CallId::from_uuid(Uuid::from_u128(1));

        let outcome = ToolOutcome::failed(call, ToolStatus::OutcomeUnknown, "it may have run");

        assert_eq!(outcome.payload, json!({"message": "it may have run"}));
        assert_eq!(json!(outcome.status), "outcome_unknown");
    }
}
