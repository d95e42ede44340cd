//! A message on its way out, and the record it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::lane::Lane;
use super::topic::Topic;
use crate::conversation::event::Event;
use crate::digest::Digest32;
use crate::ids::{EventId, SessionId, TenantId};
use crate::time::Timestamp;

/// A message to be published: part of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// Where to.
    pub topic: Topic,
    /// The session, as text: decides partition, lane and order.
    pub key: String,
    /// The header `type`.
    pub kind: String,
    /// The header `tenant`.
    pub tenant: TenantId,
    /// Unique per topic: a second message with it is skipped. The header `event_id`.
    pub dedupe_key: Uuid,
    /// The record's value: a JSON object. Shared, for it is looked at more often than it is made.
    pub payload: Arc<Value>,
    /// If set, the payload gets the field `seq`: the number this event is given in the same commit.
    pub numbered_by: Option<EventId>,
}

impl OutboxMessage {
    /// The publication of a recorded event. Stores add one for every event they number.
    pub fn event(tenant: &TenantId, event: &Event) -> Self {
        Self {
            topic: Topic::ConversationOutbound,
            key: event.session_id.to_string(),
            kind: event.kind.as_str().into(),
            tenant: tenant.clone(),
            dedupe_key: *event.event_id.as_uuid(),
            payload: Arc::new(serde_json::to_value(event).unwrap_or_default()),
            numbered_by: None,
        }
    }

    /// The message with the `seq` it asked for, now that `events` are numbered.
    #[must_use]
    pub fn numbered(mut self, events: &[Event]) -> Self {
        let event = self.numbered_by.take().and_then(|id| events.iter().find(|e| e.event_id == id));
        if let (Some(event), Some(fields)) =
            (event, Arc::make_mut(&mut self.payload).as_object_mut())
        {
            fields.insert("seq".into(), event.seq.0.into());
        }
        self
    }

    /// The record that is published at this time.
    pub fn record(&self, at: Timestamp) -> Record {
        let header = |name: &str, value: String| (name.to_owned(), value);
        Record {
            key: self.key.clone(),
            value: self.payload.to_string().into_bytes(),
            headers: BTreeMap::from([
                header("event_id", self.dedupe_key.to_string()),
                header("type", self.kind.clone()),
                header("tenant", self.tenant.to_string()),
            ]),
            at,
        }
    }
}

/// A pending row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Grows within a lane in the order of commits.
    pub id: u64,
    /// Its lane.
    pub lane: Lane,
    /// What is to be published.
    pub message: OutboxMessage,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A record of the log, before it has an offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Decides the partition.
    pub key: String,
    /// UTF-8 JSON, if its producer was ours.
    pub value: Vec<u8>,
    /// ASCII names and values.
    pub headers: BTreeMap<String, String>,
    /// When it was published. It is another record if it is published again.
    pub at: Timestamp,
}

impl Record {
    /// A record of a session that is published at once, not through the outbox.
    pub fn direct(
        session: SessionId,
        tenant: &TenantId,
        kind: &str,
        payload: &Value,
        at: Timestamp,
    ) -> Self {
        Self {
            key: session.to_string(),
            value: payload.to_string().into_bytes(),
            headers: BTreeMap::from([
                ("type".to_owned(), kind.to_owned()),
                ("tenant".to_owned(), tenant.to_string()),
            ]),
            at,
        }
    }

    /// The SHA-256 of all that it says: records that differ have digests that differ.
    pub fn digest(&self) -> Digest32 {
        let headers = self.headers.iter().flat_map(|(name, value)| [name, value]);
        let texts = std::iter::once(&self.key).chain(headers).map(String::as_bytes);
        let at = self.at.as_micros().to_be_bytes();
        let mut hash = Sha256::new();
        // Each part after its length, so that none can pass for the end of another.
        for part in [&at, self.value.as_slice()].into_iter().chain(texts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest32(hash.finalize().into())
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &str, headers: &[(&str, &str)], micros: i64) -> Record {
        let header = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Record {
            key: key.into(),
            value: value.into(),
            headers: headers.iter().map(header).collect(),
            at: Timestamp::from_micros(micros),
        }
    }

    #[test]
    fn records_that_differ_have_digests_that_differ() {
        let records = [
            record("ab", "c", &[], 1),
            record("a", "bc", &[], 1),
            record("a", "b", &[], 1),
            record("a", "b", &[], 2),
            record("a", "b", &[("c", "d")], 1),
            record("a", "b", &[("c", ""), ("d", "")], 1),
            record("a", "b", &[("cd", "")], 1),
        ];

        let digests: std::collections::BTreeSet<_> =
            records.iter().map(|record| record.digest().to_string()).collect();

        assert_eq!(digests.len(), records.len());
        assert_eq!(records[0].digest(), record("ab", "c", &[], 1).digest());
    }
}
