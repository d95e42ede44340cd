//! Queueing memory writes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use soma_core::ids::PersonaId;
use soma_core::memory::MemoryWrite;
use soma_core::trace::TraceContext;
use uuid::Uuid;

use crate::columns::json;
use crate::database::{Query, SqlError};
use crate::outbox::lane_of;

/// Writes to be queued, in the order of commits; of one key the last. Whoever inserts them holds the
/// rows of their sessions.
#[derive(Debug, Default)]
pub(crate) struct NewWrites<'a> {
    writes: Vec<Replacing<'a>>,
    /// The places of those, by tenant and key.
    places: BTreeMap<(&'a str, &'a str), usize>,
}

/// A write, and how many of its key it replaces here.
#[derive(Debug)]
struct Replacing<'a> {
    write: &'a MemoryWrite,
    trace: Option<&'a TraceContext>,
    replaced: i64,
}

impl<'a> NewWrites<'a> {
    /// Queues a write; one with its key that is queued already is overwritten.
    pub(crate) fn put(&mut self, write: &'a MemoryWrite, trace: Option<&'a TraceContext>) {
        let place = self.places.entry((write.tenant.as_str(), write.key.as_str()));
        match place {
            Entry::Vacant(place) => {
                place.insert(self.writes.len());
                self.writes.push(Replacing { write, trace, replaced: 0 });
            }
            Entry::Occupied(place) => {
                if let Some(before) = self.writes.get_mut(*place.get()) {
                    *before = Replacing { write, trace, replaced: before.replaced + 1 };
                }
            }
        }
    }

    /// The columns of the rows; none if there is nothing to insert.
    pub(crate) fn columns(&self) -> Result<Option<Columns<'a>>, SqlError> {
        if self.writes.is_empty() {
            return Ok(None);
        }
        let mut columns = Columns::default();
        for Replacing { write, trace, replaced } in &self.writes {
            columns.tenants.push(write.tenant.as_str());
            columns.sessions.push(*write.session_id.as_uuid());
            columns.personas.push(write.persona_id.as_ref().map(PersonaId::as_str));
            columns.keys.push(&write.key);
            columns.lanes.push(lane_of(&write.key));
            columns.replaced.push(*replaced);
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
    personas: Vec<Option<&'a str>>,
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
                   (tenant, session_id, persona_id, idempotency_key, lane, version, payload,
                    traceparent, tracestate, due_at)
            SELECT tenant, session_id, persona_id, key, lane, replaced, payload, traceparent,
                   tracestate, soma_now()
              FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::int2[], $6::int8[],
                          $7::bytea[], $8::text[], $9::text[]) WITH ORDINALITY
                   AS n (tenant, session_id, persona_id, key, lane, replaced, payload, traceparent,
                         tracestate, place)
             ORDER BY place
            ON CONFLICT (tenant, idempotency_key) DO UPDATE SET
                session_id = excluded.session_id, persona_id = excluded.persona_id,
                version = old.version + 1 + excluded.version, retry_count = 0,
                due_at = excluded.due_at, payload = excluded.payload,
                traceparent = excluded.traceparent, tracestate = excluded.tracestate";
        Query::new(
            sql,
            vec![
                &self.tenants,
                &self.sessions,
                &self.personas,
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
