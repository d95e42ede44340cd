//! What could not be handled, with the reason: set aside, visible, and never in the way.

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::message::{OutboxMessage, Record, encode};
use super::partition::Partition;
use super::topic::Topic;
use crate::ids::{TenantId, derive};
use crate::time::Timestamp;
use crate::trace::TraceContext;

/// The most of a message that a dead letter keeps, in bytes.
pub const LONGEST: usize = 256 * 1024;

/// A row of the table `dlq`, and a record of `<topic>.dlq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Where it came from.
    pub topic: Topic,
    /// The partition it came from; none if it never was in the log.
    pub partition: Option<Partition>,
    /// Its offset there.
    pub offset: Option<u64>,
    /// Its key.
    pub key: String,
    /// The tenant, if it is known.
    pub tenant: Option<TenantId>,
    /// What it said; bytes that are not UTF-8 are replaced.
    pub payload: String,
    /// Why it could not be handled.
    pub error: String,
    /// When it was set aside.
    pub at: Timestamp,
    /// What it was, and with that whether it can be redriven.
    #[serde(default, skip_serializing_if = "Origin::is_untold")]
    pub origin: Origin,
}

/// What a dead letter was before it was set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Not told: the letter was kept by a build that did not ask.
    #[default]
    Untold,
    /// A message, of which the payload is whole.
    Message(Box<Headers>),
    /// A message that is too long: the payload is its beginning.
    Cut,
    /// A message of which some bytes are no text: in the payload they are replaced.
    Altered,
    /// A memory write that waited, whole.
    MemoryWrite,
    /// Nothing that was ever sent: the state of a turn or a call that was ended, a row that cannot be
    /// read, or a place in the log.
    State,
}

/// The headers of a message, as far as it had them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// The header `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The header `event_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Uuid>,
    /// The headers `traceparent` and `tracestate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

impl Headers {
    /// Those of a record.
    pub fn of(record: &Record) -> Self {
        Self {
            kind: record.header("type").map(str::to_owned),
            event_id: record.header("event_id").and_then(|id| id.parse().ok()),
            trace: record.trace(),
        }
    }

    /// Those that a message is to have.
    pub fn to_send(message: &OutboxMessage) -> Self {
        Self {
            kind: Some(message.kind.clone()),
            event_id: Some(message.event_id),
            trace: message.trace.clone(),
        }
    }
}

impl Origin {
    const fn is_untold(&self) -> bool {
        matches!(self, Self::Untold)
    }

    /// What a letter keeps of a message's value, and what the message was for it.
    pub fn message(value: &[u8], headers: Headers) -> (String, Self) {
        let kept = value.get(..LONGEST).unwrap_or(value);
        let payload = String::from_utf8_lossy(kept).replace('\0', "\u{fffd}");
        let origin = if kept.len() < value.len() {
            Self::Cut
        } else if payload.as_bytes() == value {
            Self::Message(Box::new(headers))
        } else {
            Self::Altered
        };
        (payload, origin)
    }
}

impl DeadLetter {
    /// The same for the same origin, so that a redelivery does not double it.
    pub fn id(&self) -> Uuid {
        let origin = format!(
            "{}/{:?}/{:?}/{:?}/{}",
            self.topic, self.partition, self.offset, self.key, self.payload
        );
        derive(Uuid::nil(), &origin)
    }

    /// Its publication on the dead-letter topic. Stores add one for every dead letter they keep.
    pub fn message(&self, platform: &TenantId) -> OutboxMessage {
        OutboxMessage {
            topic: self.topic.dead_letters(),
            key: self.key.clone(),
            kind: "dead.letter".into(),
            tenant: self.tenant.clone().unwrap_or_else(|| platform.clone()),
            event_id: self.id(),
            trace: None,
            payload: encode(&json!({
                "original_event": self.payload,
                "source_topic": self.topic,
                "partition": self.partition,
                "offset": self.offset,
                "error_message": self.error,
                "timestamp": self.at,
            })),
            numbered_by: None,
        }
    }
}
