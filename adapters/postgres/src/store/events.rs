//! Events: recorded as they were numbered and chained.

use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::work::session::EventRange;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{At, count, json, limit, number, read_json, tenant, timestamp};
use crate::database::{Database, Query, Scope, SqlError};

/// Those of some events ($1) that are recorded: [`stored`] reads the first columns, and the last is the
/// tenant.
pub(super) const RECORDED: &str = "
    SELECT payload, session_id, seq, event_id, occurred_at, tenant
      FROM session_events WHERE event_id = ANY($1)";

/// A range of a session's events.
pub(super) async fn read(
    database: &Database,
    tenant: &TenantId,
    session: SessionId,
    range: EventRange,
    most: usize,
) -> Result<Vec<Event>, SqlError> {
    let (sql, seq) = match range {
        EventRange::After(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = $1 AND tenant = $2 AND seq > $3 ORDER BY seq LIMIT $4",
            seq,
        ),
        EventRange::Before(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = $1 AND tenant = $2 AND seq < $3 ORDER BY seq DESC LIMIT $4",
            seq,
        ),
        EventRange::HistoryBefore(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = $1 AND tenant = $2 AND seq < $3 AND history
              ORDER BY seq DESC LIMIT $4",
            seq,
        ),
    };
    let (name, seq, most) = (tenant.as_str(), number(seq.0), limit(most));
    let query = Query::new(sql, vec![session.as_uuid(), &name, &seq, &most]);
    database.rows(Scope::tenant(tenant), query).await?.iter().map(stored).collect()
}

/// The event of a row; one that cannot be read is stood for.
pub(super) fn stored(row: &Row) -> Result<Event, SqlError> {
    let unreadable = match read_json(row.try_get(0)?) {
        Ok(event) => return Ok(event),
        Err(unreadable) => unreadable,
    };
    let (session, seq) = (SessionId::from_uuid(row.try_get(1)?), Seq(count(row, 2)?));
    let (id, at) = (EventId::from_uuid(row.try_get(3)?), timestamp(row, 4)?);
    tracing::warn!(%session, seq = seq.0, error = unreadable.error, "an event cannot be read");
    Ok(Event::unreadable(session, seq, id, at, &unreadable))
}

/// Whose event of [`RECORDED`] it is.
pub(super) fn whose(row: &Row) -> Result<TenantId, SqlError> {
    tenant(row, 5)
}

/// Events to be recorded, column by column. What is kept is what will be published, byte by byte.
#[derive(Debug, Default)]
pub(super) struct Columns {
    tenants: Vec<String>,
    sessions: Vec<Uuid>,
    seqs: Vec<i64>,
    ids: Vec<Uuid>,
    times: Vec<At>,
    history: Vec<bool>,
    payloads: Vec<Vec<u8>>,
}

impl Columns {
    pub(super) fn push(&mut self, tenant: &TenantId, event: &Event) -> Result<(), SqlError> {
        self.tenants.push(tenant.to_string());
        self.sessions.push(*event.session_id.as_uuid());
        self.seqs.push(number(event.seq.0));
        self.ids.push(*event.event_id.as_uuid());
        self.times.push(At(event.occurred_at));
        self.history.push(event.kind.is_history());
        self.payloads.push(json(event)?);
        Ok(())
    }

    pub(super) fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO session_events (tenant, session_id, seq, event_id, occurred_at, history, payload)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::int8[], $4::uuid[], $5::timestamptz[],
                                 $6::bool[], $7::bytea[])";
        let query = || {
            Query::new(
                sql,
                vec![
                    &self.tenants,
                    &self.sessions,
                    &self.seqs,
                    &self.ids,
                    &self.times,
                    &self.history,
                    &self.payloads,
                ],
            )
        };
        (!self.ids.is_empty()).then(query)
    }
}
