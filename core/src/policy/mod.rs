//! What is asked of the policy engine, and what it answers.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{PersonaId, TenantId};
use crate::stream::chain::Digest32;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Action {
    /// Answer a message.
    #[serde(rename = "conversation.send")]
    ConversationSend,
    /// Run a tool.
    #[serde(rename = "tool.execute")]
    ToolExecute,
    /// Remember a message.
    #[serde(rename = "memory.write")]
    MemoryWrite,
    /// Recall memories.
    #[serde(rename = "memory.recall")]
    MemoryRecall,
}

impl Action {
    /// The action's name in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConversationSend => "conversation.send",
            Self::ToolExecute => "tool.execute",
            Self::MemoryWrite => "memory.write",
            Self::MemoryRecall => "memory.recall",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A question to the policy engine: its `input` document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// Whose doing it is.
    pub tenant: TenantId,
    /// The persona, if one was named.
    pub persona_id: Option<PersonaId>,
    /// What is to be done.
    pub action: Action,
    /// To what: a tool's name, `message`, `memory`.
    pub resource: String,
    /// What else a rule may look at. No secrets.
    pub context: Value,
}

impl PolicyRequest {
    /// The SHA-256 of the canonical JSON of the request.
    pub fn digest(&self) -> Digest32 {
        Digest32::of_json(self)
    }
}

/// The engine's answer. A denial is a value, not an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was asked.
    pub action: Action,
    /// To what.
    pub resource: String,
    /// Whether it may be done.
    pub allow: bool,
    /// Why not, for people; empty when allowed.
    pub reasons: Vec<String>,
    /// The digest of the request that was decided.
    pub input: Digest32,
}

impl Decision {
    /// The answer to `request`.
    pub fn new(request: &PolicyRequest, allow: bool, reasons: Vec<String>) -> Self {
        Self {
            action: request.action,
            resource: request.resource.clone(),
            allow,
            reasons,
            input: request.digest(),
        }
    }

    /// The denial that stands when the engine cannot be reached.
    pub fn unreachable(request: &PolicyRequest) -> Self {
        Self::new(request, false, vec!["the policy engine cannot be reached".into()])
    }

    /// The reasons as one sentence for people.
    pub fn reason(&self) -> String {
        if self.reasons.is_empty() {
            format!("policy does not allow {}", self.action)
        } else {
            self.reasons.join("; ")
        }
    }
}
