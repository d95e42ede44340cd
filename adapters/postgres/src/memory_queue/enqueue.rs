//! Queueing memory writes.

use std::collections::BTreeMap;

use soma_core::memory::MemoryWrite;
use soma_core::outbox::lane::Lane;
use soma_core::trace::TraceContext;
use uuid::Uuid;

use crate::columns::json;
use crate::database::{Query, SqlError};

/// Writes to be queued: of one key the last, in the order of their keys, as every transaction locks
/// them.
#[derive(Debug, Default)]
pub(crate) struct NewWrites<'a>(BTreeMap<(&'a str, &'a str), Counted<'a>>);

/// A write, and how many of its key it stands for.
#[derive(Debug)]
struct Counted<'a> {
    write: &'a MemoryWrite,
    trace: Option<&'a TraceContext>,
    count: i64,
}

impl<'a> NewWrites<'a> {
    /// Queues a write; one with its key that is queued already is overwritten.
    pub(crate) fn put(&mut self, write: &'a MemoryWrite, trace: Option<&'a TraceContext>) {
        let key = (write.tenant.as_str(), write.key.as_str());
        let before = self.0.get(&key).map_or(0, |before| before.count);
        self.0.insert(key, Counted { write, trace, count: before + 1 });
    }

    /// The columns of the rows; none if there is nothing to insert.
    pub(crate) fn columns(&self) -> Result<Option<Columns<'a>>, SqlError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut columns = Columns::default();
        for Counted { write, trace, count } in self.0.values() {
            columns.tenants.push(write.tenant.as_str());
            columns.sessions.push(*write.session_id.as_uuid());
            columns.keys.push(&write.key);
            columns.lanes.push(i16::try_from(Lane::of(&write.key).0).unwrap_or(i16::MAX));
            columns.replaced.push(count - 1);
            columns.payloads.push(json(write)?);
            columns.traceparents.push(trace.map(TraceContext::traceparent));
            columns.tracestates.push(trace.and_then(TraceContext::tracestate));
        }
        Ok(Some(columns))
    }
}

/// Rows, column by column.
#[derive(Debug, Default)]
pub(crate) struct Columns<'a> {
    tenants: Vec<&'a str>,
    sessions: Vec<Uuid>,
    keys: Vec<&'a str>,
    lanes: Vec<i16>,
    /// How many writes of its key it replaced before it got here.
    replaced: Vec<i64>,
    payloads: Vec<Vec<u8>>,
    traceparents: Vec<Option<&'a str>>,
    tracestates: Vec<Option<&'a str>>,
}

impl Columns<'_> {
    /// What queues them.
    pub(crate) fn insert(&self) -> Query<'_> {
        let sql = "
            INSERT INTO memory_write_outbox AS old
                   (tenant, session_id, idempotency_key, lane, version, payload, traceparent, tracestate)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::int2[], $5::int8[], $6::bytea[],
                                 $7::text[], $8::text[])
            ON CONFLICT (tenant, idempotency_key) DO UPDATE SET
                session_id = excluded.session_id, version = old.version + 1 + excluded.version,
                retry_count = 0, due_at = '-infinity', payload = excluded.payload,
                traceparent = excluded.traceparent, tracestate = excluded.tracestate";
        Query::new(
            sql,
            vec![
                &self.tenants,
                &self.sessions,
                &self.keys,
                &self.lanes,
                &self.replaced,
                &self.payloads,
                &self.traceparents,
                &self.tracestates,
            ],
        )
    }
}
