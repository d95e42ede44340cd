//! The chain of hashes over a session's events: the formula of `spec.md` 4.
//!
//! `content` = SHA-256(nonce ‖ JCS({message, metadata})); `digest` = SHA-256(JCS(envelope with
//! `content` as hex)); `hash(seq)` = SHA-256(hash(seq − 1) ‖ seq as 8 bytes big-endian ‖ digest);
//! `hash(0)` = SHA-256 of the session id's text. JCS is RFC 8785.

mod canonical;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::conversation::event::{Event, EventType, NewEvent, Role, Seq, VERSION};
use crate::ids::{EventId, PersonaId, SessionId, TurnId};
use crate::time::Timestamp;
use canonical::{canonical, canonical_struct};

macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads the lower-case hex form.
            pub fn from_hex(text: &str) -> Option<Self> {
                let digits = text.as_bytes();
                if digits.len() != 2 * $len {
                    return None;
                }
                let mut bytes = [0_u8; $len];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = digit(pair[0])? << 4 | digit(pair[1])?;
                }
                Some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(hex(&self.0, &mut [0; 2 * $len]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(hex(&self.0, &mut [0; 2 * $len]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_hex(&text).ok_or_else(|| de::Error::custom("not lower-case hex"))
            }
        }
    };
}

/// The value of a lower-case hex digit.
const fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Writes `bytes` in hex into `digits`, which has two for each.
fn hex<'a>(bytes: &[u8], digits: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

hex_bytes!(/** A SHA-256 digest; as text, 64 hex digits. */ Digest32, 32);
hex_bytes!(/** The salt of one event's content digest; as text, 32 hex digits. */ Nonce, 16);

impl Digest32 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The SHA-256 of the canonical JSON (RFC 8785) of `value`.
    pub fn of_json<T: Serialize>(value: &T) -> Self {
        Self::of(&canonical(value))
    }
}

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
