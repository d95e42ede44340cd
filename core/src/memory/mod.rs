//! What is remembered, under which key, how the replica hears of it, and the rules of recall that every
//! local memory follows.

pub mod fit;
pub mod rank;
mod stop_words;
pub mod words;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::conversation::event::Role;
use crate::digest::Digest32;
use crate::ids::{EventId, PersonaId, SessionId, TenantId};
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

impl MemoryWrite {
    /// It as it is returned, with this score.
    pub fn into_hit(self, score: f64) -> MemoryHit {
        MemoryHit {
            key: self.key,
            event_id: self.event_id,
            session_id: self.session_id,
            role: self.role,
            text: self.text,
            score,
            at: self.at,
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use uuid::Uuid;

    use super::*;
    use crate::testing::holds;

    type Source = (TenantId, SessionId, Role, EventId);

    fn source() -> impl Strategy<Value = Source> {
        let roles = [Role::User, Role::Assistant, Role::Tool, Role::System];
        (select(&["acme", "acme-1"][..]), 1_u128..3, select(roles.to_vec()), 1_u128..4).prop_map(
            |(tenant, session, role, event)| {
                let tenant = TenantId::new(tenant).unwrap();
                let session = SessionId::from_uuid(Uuid::from_u128(session));
                (tenant, session, role, EventId::from_uuid(Uuid::from_u128(event)))
            },
        )
    }

    fn key(source: &Source) -> String {
        let (tenant, session, role, event) = source;
        MemoryWrite::key(tenant, *session, *role, *event)
    }

    #[test]
    fn key_is_that_of_its_source_and_of_no_other() {
        holds(256, &(source(), source()), |(one, other)| {
            assert_eq!(key(&one), key(&one.clone()));
            assert_eq!(key(&one) == key(&other), one == other);
        });
    }

    /// Keys of earlier releases are in the queue and at the memory's server: they may never change.
    #[test]
    fn key_of_a_known_source_is_what_it_always_was() {
        let session = SessionId::from_uuid(Uuid::from_u128(1));
        let event = EventId::from_uuid(Uuid::from_u128(2));

        let key = MemoryWrite::key(&TenantId::new("acme").unwrap(), session, Role::User, event);

        assert_eq!(key, "acme/00000000-0000-0000-0000-000000000001/user/692865c9a376a1a8");
    }

    #[test]
    fn record_of_a_write_is_flat_and_round_trips() {
        let write = MemoryWrite {
            key: "k".into(),
            event_id: EventId::from_uuid(Uuid::from_u128(2)),
            tenant: TenantId::new("acme").unwrap(),
            session_id: SessionId::from_uuid(Uuid::from_u128(1)),
            persona_id: None,
            role: Role::User,
            text: "a\0b".into(),
            importance: 0.1 + 0.2,
            at: Timestamp::from_micros(1),
            metadata: Map::from_iter([("type".into(), "x".into())]),
        };
        let record = WalEvent::new(write, Timestamp::from_micros(2));

        let text = serde_json::to_string(&record).unwrap();

        assert_eq!(serde_json::from_str::<WalEvent>(&text).unwrap(), record);
        let fields: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&fields["type"], &fields["key"]), (&"memory.write".into(), &"k".into()));
    }
}
