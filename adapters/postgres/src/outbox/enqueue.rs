//! Putting what commits publish into the outbox.

use soma_core::conversation::event::Event;
use soma_core::ids::TenantId;
use soma_core::outbox::message::OutboxMessage;
use soma_core::outbox::topic::Topic;
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use uuid::Uuid;

use super::lane_of;
use crate::blob::Blob;
use crate::columns::{At, number};
use crate::database::Query;

/// Rows to be queued, column by column, in the order in which they get their ids. Whoever inserts them
/// holds the rows of their sessions.
#[derive(Debug, Default)]
pub(crate) struct NewRows {
    lanes: Vec<i16>,
    tenants: Vec<String>,
    topics: Vec<&'static str>,
    keys: Vec<Vec<u8>>,
    kinds: Vec<String>,
    dedupe_keys: Vec<Option<Uuid>>,
    payloads: Vec<Option<Blob>>,
    first_seqs: Vec<Option<i64>>,
    last_seqs: Vec<Option<i64>>,
    traceparents: Vec<Option<String>>,
    tracestates: Vec<Option<String>>,
    times: Vec<At>,
}

impl NewRows {
    /// A message.
    pub(crate) fn enqueue(&mut self, message: &OutboxMessage, at: Timestamp) {
        self.head(&message.tenant, message.topic, &message.key, message.kind.clone());
        self.trace(message.trace.as_ref());
        self.dedupe_keys.push(Some(message.event_id));
        self.payloads.push(Some(Blob(message.payload.clone())));
        self.first_seqs.push(None);
        self.last_seqs.push(None);
        self.times.push(At(at));
    }

    /// The publication of the events of a commit, which it records: one row refers to them all.
    pub(crate) fn refer(
        &mut self,
        tenant: &TenantId,
        events: &[Event],
        trace: Option<&TraceContext>,
        at: Timestamp,
    ) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        let key = first.session_id.to_string();
        self.head(tenant, Topic::ConversationOutbound, &key, kinds.join(" "));
        self.trace(trace);
        self.dedupe_keys.push(None);
        self.payloads.push(None);
        self.first_seqs.push(Some(number(first.seq.0)));
        self.last_seqs.push(Some(number(last.seq.0)));
        self.times.push(At(at));
    }

    fn head(&mut self, tenant: &TenantId, topic: Topic, key: &str, kind: String) {
        self.lanes.push(lane_of(key));
        self.tenants.push(tenant.to_string());
        self.topics.push(topic.as_str());
        self.keys.push(key.as_bytes().to_vec());
        self.kinds.push(kind);
    }

    fn trace(&mut self, trace: Option<&TraceContext>) {
        self.traceparents.push(trace.map(|trace| trace.traceparent().to_owned()));
        self.tracestates.push(trace.and_then(TraceContext::tracestate).map(str::to_owned));
    }

    /// What inserts them; none if there is nothing to insert.
    pub(crate) fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO outbox (lane, tenant, topic, key, kind, dedupe_key, payload, first_seq, last_seq,
                                traceparent, tracestate, created_at)
            SELECT lane, tenant, topic, key, kind, dedupe_key, payload, first_seq, last_seq,
                   traceparent, tracestate, created_at
              FROM unnest($1::int2[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::uuid[],
                          $7::bytea[], $8::int8[], $9::int8[], $10::text[], $11::text[],
                          $12::timestamptz[]) WITH ORDINALITY
                   AS r (lane, tenant, topic, key, kind, dedupe_key, payload, first_seq, last_seq,
                         traceparent, tracestate, created_at, place)
             ORDER BY place";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.lanes,
                    &self.tenants,
                    &self.topics,
                    &self.keys,
                    &self.kinds,
                    &self.dedupe_keys,
                    &self.payloads,
                    &self.first_seqs,
                    &self.last_seqs,
                    &self.traceparents,
                    &self.tracestates,
                    &self.times,
                ],
            )
        };
        (!self.lanes.is_empty()).then(query)
    }
}
