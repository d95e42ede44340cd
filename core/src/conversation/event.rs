//! The durable events of a session: envelope `sa01-v1` of `docs/events.md`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{Digest32, Nonce};
use crate::ids::{EventId, PersonaId, SessionId, TurnId};
use crate::names::names;
use crate::time::Timestamp;
use crate::unreadable::Unreadable;

/// The envelope's version.
pub const VERSION: &str = "sa01-v1";

/// The number of a durable event in its session: 1, 2, 3 … without a gap.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Who speaks in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The persona.
    Assistant,
    /// A tool.
    Tool,
    /// The platform.
    System,
}

names!(Role, "role", {
    User = "user",
    Assistant = "assistant",
    Tool = "tool",
    System = "system",
});

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What an event says happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType { $($(#[$doc])* #[serde(rename = $text)] $name,)+ }

        impl EventType {
            /// The type's name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The type with this name on the wire.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

event_types! {
    /// A person's message was accepted.
    UserMessage = "user.message",
    /// Work on the answer began.
    AssistantStarted = "assistant.started",
    /// The message was analysed.
    AssistantThinking = "assistant.thinking",
    /// Memories were recalled for the answer.
    ContextRecalled = "context.recalled",
    /// The answer so far is void; it starts anew with a higher attempt.
    AssistantRestarted = "assistant.restarted",
    /// The model asked for a tool.
    ToolRequested = "tool.requested",
    /// A tool call waits for a person.
    ApprovalRequired = "approval.required",
    /// A person decided on a tool call.
    ApprovalDecided = "approval.decided",
    /// A tool began to run.
    ToolStart = "tool.start",
    /// A tool ended.
    ToolResult = "tool.result",
    /// The whole answer. Terminal.
    AssistantFinal = "assistant.final",
    /// There will be no answer, and why. Terminal.
    TurnFailed = "turn.failed",
    /// The conversation was reset: what came before is no longer part of it.
    SessionReset = "session.reset",
    /// What was recorded in this place cannot be read: another build wrote it, or it is damaged.
    /// Never recorded; it stands for the event when it is read.
    Unreadable = "event.unreadable",
}

impl EventType {
    /// Whether an event of this type ends its turn.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::AssistantFinal | Self::TurnFailed)
    }

    /// Whether events of this type are what a history is made of, or end one.
    pub const fn is_history(self) -> bool {
        self.is_terminal()
            || matches!(
                self,
                Self::UserMessage | Self::ToolRequested | Self::ToolResult | Self::SessionReset
            )
    }

    /// Whether what was streamed before an event of this type is no part of a running answer any
    /// more.
    pub const fn ends_answer(self) -> bool {
        self.is_terminal() || matches!(self, Self::AssistantRestarted)
    }
}

/// An event that a flow wants recorded. The store numbers and chains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// Unique in the session; recording the same id twice is the store's to refuse.
    pub event_id: EventId,
    /// The turn it belongs to, if any.
    pub turn_id: Option<TurnId>,
    /// The persona that was addressed.
    pub persona_id: Option<PersonaId>,
    /// Who speaks.
    pub role: Role,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The text for people; may be empty.
    pub message: String,
    /// Everything else, by type.
    pub metadata: Map<String, Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The salt of the content digest.
    pub nonce: Nonce,
}

/// A recorded event, as clients and `conversation.outbound` see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique in the session.
    pub event_id: EventId,
    /// Its number in the session.
    pub seq: Seq,
    /// The session.
    pub session_id: SessionId,
    /// The turn it belongs to, if any.
    pub turn_id: Option<TurnId>,
    /// The persona that was addressed.
    pub persona_id: Option<PersonaId>,
    /// Who speaks.
    pub role: Role,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The text for people; may be empty.
    pub message: String,
    /// Everything else, by type.
    pub metadata: Map<String, Value>,
    /// Always [`VERSION`].
    pub version: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The salt of the content digest.
    pub nonce: Nonce,
    /// The head of the chain after this event.
    pub hash: Digest32,
}

impl Event {
    /// Stands for an event that cannot be read, so that those after it still can be: with what the
    /// store knows of it, and of its content what can be made out. It does not verify.
    pub fn unreadable(
        session_id: SessionId,
        seq: Seq,
        event_id: EventId,
        occurred_at: Timestamp,
        stored: &Unreadable,
    ) -> Self {
        let raw: Value = serde_json::from_str(&stored.raw).unwrap_or_default();
        let field = |name: &str| raw.get(name).cloned().unwrap_or_default();
        let error = stored.error.clone();
        Self {
            event_id,
            seq,
            session_id,
            turn_id: serde_json::from_value(field("turn_id")).unwrap_or_default(),
            persona_id: serde_json::from_value(field("persona_id")).unwrap_or_default(),
            role: Role::System,
            kind: EventType::Unreadable,
            message: "This event cannot be read.".into(),
            metadata: Map::from_iter([("error".to_owned(), error.into())]),
            version: VERSION.into(),
            occurred_at,
            nonce: serde_json::from_value(field("nonce")).unwrap_or(Nonce([0; 16])),
            hash: serde_json::from_value(field("hash")).unwrap_or(Digest32([0; 32])),
        }
    }

    /// The text of the answer that a terminal event ends: whole, or as far as it came; else empty.
    pub fn answer(&self) -> &str {
        if self.kind == EventType::AssistantFinal {
            return &self.message;
        }
        let text = self.metadata.get("text").filter(|_| self.kind.is_terminal());
        text.and_then(Value::as_str).unwrap_or_default()
    }
}
