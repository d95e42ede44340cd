//! What can happen to a turn.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::TurnConfig;
use crate::budget::window::BudgetWindow;
use crate::budget::{Grant, Tokens};
use crate::conversation::event::Seq;
use crate::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use crate::ids::{EventId, PersonaId, SessionId, TenantId};
use crate::policy::Decision;
use crate::time::Timestamp;
use crate::tool::ToolOutcome;
use crate::trace::TraceContext;

/// One thing that happened to a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// A person's message was accepted.
    Accepted(Accepted),
    /// A worker took the turn up for the first time.
    Started {
        /// What it runs with.
        config: Box<TurnConfig>,
        /// The names of the tools that it is offered; none in a record of an earlier build, whose turns
        /// were offered what there was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tools: Option<Vec<String>>,
    },
    /// The policy engine decided on `conversation.send`, `memory.recall` and `memory.write`.
    Authorized {
        /// One decision per action.
        decisions: Vec<Decision>,
    },
    /// History was read and memories were recalled.
    ContextLoaded(Context),
    /// Tokens were set aside, or not.
    BudgetAnswered {
        /// The window they are taken from.
        window: BudgetWindow,
        /// How many, or none.
        grant: Grant,
    },
    /// The model answered.
    ModelAnswered(ModelAnswer),
    /// The model did not answer to the end.
    ModelFailed {
        /// Why.
        failure: ModelFailure,
        /// What had been streamed of this call.
        text: String,
        /// What it used.
        usage: Usage,
    },
    /// A tool ended.
    ToolFinished {
        /// What came of it.
        outcome: ToolOutcome,
        /// The tokens its result adds to the prompt.
        tokens: Tokens,
    },
    /// A worker died, or lost the turn, while a model was answering.
    Interrupted,
    /// A worker that stops released the turn while a model was answering.
    #[serde(alias = "handed_back")]
    Released {
        /// What had been streamed of this call.
        text: String,
        /// What it used.
        usage: Usage,
    },
    /// A person cancelled the turn.
    Cancelled {
        /// What had been streamed of the running model call.
        text: String,
        /// What that call used; none if none was running.
        usage: Usage,
    },
    /// The turn failed, or killed its worker, too often without progress.
    GaveUp {
        /// How often.
        tries: u32,
    },
}

impl Input {
    /// Whether a turn that takes it got further than those that die of it: each turn takes only so many
    /// of these. What a new worker feeds a turn whose worker died is none.
    pub const fn is_progress(&self) -> bool {
        match self {
            Self::Accepted(_)
            | Self::Started { .. }
            | Self::Authorized { .. }
            | Self::ContextLoaded(_)
            | Self::ModelAnswered(_)
            | Self::ModelFailed { .. }
            | Self::ToolFinished { .. }
            | Self::Cancelled { .. } => true,
            Self::BudgetAnswered { .. }
            | Self::Interrupted
            | Self::Released { .. }
            | Self::GaveUp { .. } => false,
        }
    }
}

/// A message, as accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Whose.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// The id of its `user.message`.
    pub event_id: EventId,
    /// The persona that is addressed.
    pub persona_id: Option<PersonaId>,
    /// What the person said.
    pub message: String,
    /// Ids of attachments.
    pub attachments: Vec<String>,
    /// What the client sent along, without the names that are reserved for identity.
    pub metadata: Map<String, Value>,
    /// The trace that its request belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

/// What the model will be shown beside the message: references, so that a record stays small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The events of the history, in the order they are shown.
    pub window: Vec<Seq>,
    /// The memories.
    pub recalled: Vec<Recalled>,
    /// Why there are none, if recall failed; it does not stop the turn.
    pub recall_error: Option<String>,
    /// The tokens of the whole first prompt.
    pub prompt_tokens: Tokens,
}

/// A memory that the model is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// The event it remembers.
    pub event_id: EventId,
    /// What was said.
    pub text: String,
    /// How well it fits, 0 to 1.
    pub score: f64,
}

/// A model's whole answer to one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAnswer {
    /// The text of this call.
    pub text: String,
    /// The tools it asks for.
    pub tool_calls: Vec<ModelToolCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// What it used.
    pub usage: Usage,
    /// The model that answered, by its own word.
    pub model: String,
    /// The tokens that the text and the calls add to the next prompt.
    pub tokens: Tokens,
}

/// An input and when it happened: a row of a turn's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedInput {
    /// What happened.
    pub input: Input,
    /// When.
    pub at: Timestamp,
}
