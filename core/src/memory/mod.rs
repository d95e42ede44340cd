//! What is remembered, under which key, and how the replica hears of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::conversation::event::Role;
use crate::ids::{EventId, PersonaId, SessionId, TenantId};
use crate::stream::chain::Digest32;
use crate::time::Timestamp;

/// One thing to remember: a row of `memory_write_outbox`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryWrite {
    /// Made of stable data only, so that a retry overwrites and never doubles.
    pub key: String,
    /// The event it remembers.
    pub event_id: EventId,
    /// Whose memory.
    pub tenant: TenantId,
    /// The conversation it comes from.
    pub session_id: SessionId,
    /// The persona, if one was named.
    pub persona_id: Option<PersonaId>,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// 0 (noise) to 1 (never forget).
    pub importance: f64,
    /// When it was said.
    pub at: Timestamp,
    /// What else belongs to it.
    pub metadata: Map<String, Value>,
}

impl MemoryWrite {
    /// The idempotency key of what `role` said in `event`: tenant, session, role and a digest of
    /// the event's id. No clock, no attempt, nothing that differs on a retry.
    pub fn key(tenant: &TenantId, session: SessionId, role: Role, event: EventId) -> String {
        let digest = Digest32::of(event.as_uuid().as_bytes()).to_string();
        let role = match role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
            Role::System => "system",
        };
        format!("{tenant}/{session}/{role}/{}", &digest[..16])
    }
}

/// A question to the memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallQuery {
    /// Whose memory; nothing of another tenant is ever returned.
    pub tenant: TenantId,
    /// The conversation that asks; its own memories age faster.
    pub session_id: Option<SessionId>,
    /// What is looked for, in words.
    pub text: String,
    /// At most this many hits.
    pub limit: usize,
    /// Memories of these events are left out: they are in the window already.
    pub except: Vec<EventId>,
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryHit {
    /// Its idempotency key.
    pub key: String,
    /// The event it remembers.
    pub event_id: EventId,
    /// The conversation it comes from.
    pub session_id: SessionId,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// How well it fits, 0 to 1.
    pub score: f64,
    /// When it was said.
    pub at: Timestamp,
}

/// A memory that was written: a record of `memory.wal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalEvent {
    /// Always `memory.write`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What was written.
    #[serde(flatten)]
    pub write: MemoryWrite,
    /// When it was written.
    pub written_at: Timestamp,
}

impl WalEvent {
    /// The wire name of the type.
    pub const TYPE: &'static str = "memory.write";

    /// The record of a write that succeeded at `written_at`.
    pub fn new(write: MemoryWrite, written_at: Timestamp) -> Self {
        Self { kind: Self::TYPE.into(), write, written_at }
    }
}
