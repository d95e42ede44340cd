//! The chain of hashes over a session's events: the formula of `docs/events.md`.
//!
//! `content` = SHA-256(nonce ‖ JCS({message, metadata})); `digest` = SHA-256(JCS(envelope with
//! `content` as hex)); `hash(seq)` = SHA-256(hash(seq − 1) ‖ seq as 8 bytes big-endian ‖ digest);
//! `hash(0)` = SHA-256 of the session id's text. JCS is RFC 8785.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::conversation::event::{Event, EventType, NewEvent, Role, Seq, VERSION};
use crate::digest::{Digest32, canonical_struct};
use crate::ids::{EventId, PersonaId, SessionId, TurnId};
use crate::time::Timestamp;

/// The chain of one session: how many events it has, and the hash of the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// How many events are chained: the last event's `seq`.
    pub count: Seq,
    /// The hash of the last event.
    pub head: Digest32,
}

impl Chain {
    /// The chain of a session without events.
    pub fn new(session: SessionId) -> Self {
        Self { count: Seq(0), head: Digest32::of(session.to_string().as_bytes()) }
    }

    /// Numbers and chains `event`. A terminal event also states the chain before it, in its
    /// metadata as `chain: {count, head}`.
    pub fn append(&mut self, session: SessionId, event: NewEvent) -> Event {
        let mut metadata = event.metadata;
        if event.kind.is_terminal() {
            metadata.insert("chain".into(), json!({"count": self.count, "head": self.head}));
        }
        let mut chained = Event {
            event_id: event.event_id,
            seq: self.count.next(),
            session_id: session,
            turn_id: event.turn_id,
            persona_id: event.persona_id,
            role: event.role,
            kind: event.kind,
            message: event.message,
            metadata,
            version: VERSION.into(),
            occurred_at: event.occurred_at,
            nonce: event.nonce,
            hash: Digest32([0; 32]),
        };
        self.advance(&Link::of(&chained));
        chained.hash = self.head;
        chained
    }

    /// Checks that `link` follows, and that `hash` is what it must be.
    ///
    /// # Errors
    ///
    /// [`BrokenChain`] with the number at which the chain does not hold; `self` is unchanged.
    pub fn verify(&mut self, link: &Link, hash: Digest32) -> Result<(), BrokenChain> {
        let mut next = *self;
        if link.seq != self.count.next() {
            return Err(BrokenChain { seq: link.seq });
        }
        next.advance(link);
        if next.head != hash {
            return Err(BrokenChain { seq: link.seq });
        }
        *self = next;
        Ok(())
    }

    fn advance(&mut self, link: &Link) {
        let digest = link.digest();
        let hash = Sha256::new()
            .chain_update(self.head.0)
            .chain_update(link.seq.0.to_be_bytes())
            .chain_update(digest.0)
            .finalize();
        *self = Self { count: link.seq, head: Digest32(hash.into()) };
    }
}

/// The chain does not hold at an event: altered, missing or out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain of events is broken at {}", seq.0)]
pub struct BrokenChain {
    /// The event's number.
    pub seq: Seq,
}

/// What the chain needs of an event: its envelope, and its content by digest only, so that a chain
/// still verifies after content was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The event's number.
    pub seq: Seq,
    /// SHA-256(nonce ‖ JCS({message, metadata})).
    pub content: Digest32,
    envelope: Envelope,
}

/// Field by field in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Envelope {
    content: Digest32,
    event_id: EventId,
    occurred_at: Timestamp,
    persona_id: Option<PersonaId>,
    role: Role,
    session_id: SessionId,
    turn_id: Option<TurnId>,
    #[serde(rename = "type")]
    kind: EventType,
    version: String,
}

impl Link {
    /// The link of an event whose content is still there.
    pub fn of(event: &Event) -> Self {
        Self::erased(event, content_digest(event))
    }

    /// The link of an event of which only the content digest is left.
    pub fn erased(event: &Event, content: Digest32) -> Self {
        let envelope = Envelope {
            content,
            event_id: event.event_id,
            occurred_at: event.occurred_at,
            persona_id: event.persona_id.clone(),
            role: event.role,
            session_id: event.session_id,
            turn_id: event.turn_id,
            kind: event.kind,
            version: event.version.clone(),
        };
        Self { seq: event.seq, content, envelope }
    }

    fn digest(&self) -> Digest32 {
        Digest32::of(&canonical_struct(&self.envelope, None))
    }
}

/// SHA-256(nonce ‖ JCS({message, metadata})).
pub fn content_digest(event: &Event) -> Digest32 {
    let content = Content { message: &event.message, metadata: &event.metadata };
    let content = canonical_struct(&content, Some(&event.metadata));
    let hash = Sha256::new().chain_update(event.nonce.0).chain_update(content).finalize();
    Digest32(hash.into())
}

/// Field by field in the order of their names.
#[derive(Serialize)]
struct Content<'a> {
    message: &'a str,
    metadata: &'a Map<String, Value>,
}
