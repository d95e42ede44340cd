//! What could not be handled, with the reason: set aside, visible, and never in the way.

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::message::{OutboxMessage, encode};
use super::partition::Partition;
use super::topic::Topic;
use crate::ids::{TenantId, derive};
use crate::time::Timestamp;

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
