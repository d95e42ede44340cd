//! A message on its way out, and the record it becomes.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::lane::Lane;
use super::topic::Topic;
use crate::conversation::event::{Event, Seq};
use crate::digest::Digest32;
use crate::ids::{EventId, SessionId, TenantId};
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::unreadable::Unreadable;

/// A message to be published: part of a commit. It is encoded once, by whoever makes it, and nobody
/// on its way parses it.
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
    /// The header `event_id`, by which consumers know a message that they have seen.
    pub event_id: Uuid,
    /// The headers `traceparent` and `tracestate`: the store gives a message those of its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// The record's value: a JSON object.
    #[serde(serialize_with = "as_text")]
    pub payload: Bytes,
    /// If set, the payload gets the field `seq`: the number this event is given in the same commit.
    pub numbered_by: Option<EventId>,
}

impl OutboxMessage {
    /// The publication of a recorded event. Stores add one for every event they number.
    pub fn event(tenant: &TenantId, event: &Event, trace: Option<&TraceContext>) -> Self {
        Self {
            topic: Topic::ConversationOutbound,
            key: event.session_id.to_string(),
            kind: event.kind.as_str().into(),
            tenant: tenant.clone(),
            event_id: *event.event_id.as_uuid(),
            trace: trace.cloned(),
            payload: encode(event),
            numbered_by: None,
        }
    }

    /// The message as its commit completes it: with the `seq` that it asks for, now that `events` are
    /// numbered, and with the trace of the commit, unless it has one of its own.
    #[must_use]
    pub fn completed(mut self, events: &[Event], trace: Option<&TraceContext>) -> Self {
        let event = self.numbered_by.take().and_then(|id| events.iter().find(|e| e.event_id == id));
        if let Some(event) = event {
            self.payload = with_seq(&self.payload, event.seq);
        }
        self.trace = self.trace.or_else(|| trace.cloned());
        self
    }

    /// The payload as text, for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The record that is published at this time.
    pub fn record(&self, at: Timestamp) -> Record {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = BTreeMap::from([
            header("event_id", self.event_id.to_string()),
            header("type", self.kind.clone()),
            header("tenant", self.tenant.to_string()),
        ]);
        headers.extend(self.trace.iter().flat_map(TraceContext::headers));
        Record { key: self.key.clone(), value: self.payload.clone(), headers, at }
    }
}

/// The JSON of a value. What the platform publishes can always be encoded.
pub fn encode(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// A JSON object with the field `seq` at its end: the rest of it is not looked at.
fn with_seq(object: &Bytes, seq: Seq) -> Bytes {
    let Some(fields) = object.strip_suffix(b"}") else { return object.clone() };
    let comma = if fields.ends_with(b"{") { "" } else { "," };
    let field = format!("{comma}\"seq\":{}}}", seq.0);
    [fields, field.as_bytes()].concat().into()
}

/// Bytes that are UTF-8 as a text, and others one by one. Both are read as bytes again.
fn as_text<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    match str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => bytes.serialize(serializer),
    }
}

/// A pending row of the outbox: the events of a commit, or another message.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Grows for a key in the order of commits.
    pub id: u64,
    /// Its lane.
    pub lane: Lane,
    /// What is to be published, in this order: all of one topic and one key.
    pub messages: Vec<OutboxMessage>,
    /// If the row cannot be read: then it has no messages, and is to be settled with a dead letter.
    pub unreadable: Option<Unreadable>,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A record of the log, before it has an offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Decides the partition.
    pub key: String,
    /// UTF-8 JSON, if its producer was ours.
    #[serde(serialize_with = "as_text")]
    pub value: Bytes,
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
        trace: Option<&TraceContext>,
        payload: &impl Serialize,
        at: Timestamp,
    ) -> Self {
        let mut headers = BTreeMap::from([
            ("type".to_owned(), kind.to_owned()),
            ("tenant".to_owned(), tenant.to_string()),
        ]);
        headers.extend(trace.into_iter().flat_map(TraceContext::headers));
        Self { key: session.to_string(), value: encode(payload), headers, at }
    }

    /// The SHA-256 of all that it says: records that differ have digests that differ.
    pub fn digest(&self) -> Digest32 {
        let headers = self.headers.iter().flat_map(|(name, value)| [name, value]);
        let texts = std::iter::once(&self.key).chain(headers).map(String::as_bytes);
        let at = self.at.as_micros().to_be_bytes();
        let mut hash = Sha256::new();
        // Each part after its length, so that none can pass for the end of another.
        for part in [&at, &self.value[..]].into_iter().chain(texts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest32(hash.finalize().into())
    }

    /// The trace that it belongs to.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::read(self.header("traceparent")?, self.header("tracestate"))
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
            value: Bytes::copy_from_slice(value.as_bytes()),
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

    #[test]
    fn value_of_any_bytes_is_read_again_as_it_was() {
        for value in [&b"{\"a\":\"\xc3\xa9\"}"[..], b"", b"\xff\xfe\0", b"\0"] {
            let record = Record { value: Bytes::copy_from_slice(value), ..record("a", "", &[], 1) };

            let text = serde_json::to_string(&record).unwrap();

            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record, "{text}");
        }
    }

    #[test]
    fn number_is_the_last_field_of_any_object() {
        for (object, numbered) in [
            ("{}", r#"{"seq":7}"#),
            (r#"{"a":{}}"#, r#"{"a":{},"seq":7}"#),
            (r#"{"a":"}"}"#, r#"{"a":"}","seq":7}"#),
            ("no object", "no object"),
        ] {
            assert_eq!(with_seq(&Bytes::from(object), Seq(7)), numbered);
        }
    }
}
