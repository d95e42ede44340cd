//! What a step leads to.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::machine::Turn;
use crate::budget::window::BudgetWindow;
use crate::budget::{Tokens, UsageChange};
use crate::conversation::event::{EventType, NewEvent, Role};
use crate::conversation::profile::ModelProfile;
use crate::digest::Nonce;
use crate::ids::{EventId, PersonaId, TurnId};
use crate::memory::MemoryWrite;
use crate::policy::Decision;
use crate::time::Timestamp;
use crate::tool::ToolCall;

/// The next state, and everything that follows from the step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The next state.
    pub turn: Turn,
    /// What must become durable.
    pub effects: Effects,
    /// What is asked next; none when the turn waits for tools or is done.
    pub request: Option<Request>,
}

/// What must become durable together: it goes into one commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Events of the session.
    pub record: Vec<EventDraft>,
    /// Changes of the usage ledger.
    pub usage: Vec<UsageChange>,
    /// Tools to be run: ledger rows, and messages to the executor.
    pub tools: Vec<ToolCall>,
    /// What is to be remembered.
    pub memory: Vec<MemoryWrite>,
    /// Decisions of the policy engine.
    pub decisions: Vec<Decision>,
}

impl Effects {
    /// Adds what a later step leads to.
    pub fn extend(&mut self, later: Self) {
        self.record.extend(later.record);
        self.usage.extend(later.usage);
        self.tools.extend(later.tools);
        self.memory.extend(later.memory);
        self.decisions.extend(later.decisions);
    }
}

/// A question that is asked through a port, and answered by an input. It may be asked again after
/// a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// May this be answered, recalled for, remembered? → `Authorized`.
    Authorize,
    /// Read history, recall memories, count the prompt → `ContextLoaded`.
    GatherContext {
        /// The most tokens the prompt may have.
        prompt_limit: Tokens,
        /// Whether policy allows to recall.
        recall: bool,
    },
    /// Set tokens aside → `BudgetAnswered`.
    Reserve {
        /// Which model call of the turn it is for, from 1.
        call: u32,
        /// The window that pays.
        window: BudgetWindow,
        /// Prompt and longest answer.
        want: Tokens,
        /// Prompt and shortest useful answer.
        least: Tokens,
    },
    /// Wait, then ask the model → `ModelAnswered` or `ModelFailed`. The step's effects are committed
    /// first.
    Generate(Generate),
}

/// How the model is to be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generate {
    /// The model.
    pub profile: ModelProfile,
    /// The most tokens the answer may have.
    pub max_tokens: Tokens,
    /// Which call of the turn's model this is, from 1.
    pub call: u32,
    /// The attempt at the whole answer, from 1: deltas carry it.
    pub attempt: u32,
    /// What was said in earlier rounds: the new text follows it.
    pub kept: String,
    /// How many bytes of `kept` were streamed under this attempt already.
    pub streamed: usize,
    /// Whether the model may ask for tools.
    pub tools: bool,
    /// Failures of this model so far: the wait before asking grows with them.
    pub failures: u32,
    /// The least wait, in seconds, that the model asked for.
    pub wait_seconds: u64,
}

/// An event without time, salt and turn: those are added when it is sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    /// Derived from stable data.
    pub event_id: EventId,
    /// Who speaks.
    pub role: Role,
    /// What happened.
    pub kind: EventType,
    /// The text for people.
    pub message: String,
    /// Everything else.
    pub metadata: Map<String, Value>,
}

impl EventDraft {
    /// The event, ready to be committed.
    pub fn seal(
        self,
        turn: Option<TurnId>,
        persona: Option<PersonaId>,
        at: Timestamp,
        nonce: Nonce,
    ) -> NewEvent {
        NewEvent {
            event_id: self.event_id,
            turn_id: turn,
            persona_id: persona,
            role: self.role,
            kind: self.kind,
            message: self.message,
            metadata: self.metadata,
            occurred_at: at,
            nonce,
        }
    }
}
