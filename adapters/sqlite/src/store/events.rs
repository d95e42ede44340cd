//! Events: numbered, chained and recorded in one step.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::conversation::event::{Event, NewEvent, Seq};
use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::time::Timestamp;
use soma_core::work::commit::Commit;
use soma_core::work::session::{EventRange, Session};

use crate::columns::{limit, read_json};
use crate::database::SqlError;
use crate::pack::packed;

/// Appends `events` to the session's chain. What is kept is what will be published, byte by byte.
pub(super) fn append(
    connection: &Connection,
    session: &mut Session,
    events: Vec<NewEvent>,
    at: Timestamp,
) -> Result<Vec<Event>, SqlError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO session_events
             (tenant, session_id, seq, event_id, occurred_at, payload, history)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut recorded = Vec::with_capacity(events.len());
    for event in events {
        let event = session.chain.append(session.session_id, event);
        insert.execute(params![
            session.tenant.as_str(),
            session.session_id.as_uuid(),
            event.seq.0,
            event.event_id.as_uuid(),
            event.occurred_at.as_micros(),
            packed(&serde_json::to_string(&event)?),
            event.kind.is_history(),
        ])?;
        session.updated_at = session.updated_at.max(at);
        recorded.push(event);
    }
    Ok(recorded)
}

/// Whether one of the commit's events is recorded.
pub(super) fn any_recorded(connection: &Connection, commit: &Commit) -> Result<bool, SqlError> {
    let mut recorded = connection.prepare_cached(
        "SELECT 1 FROM session_events INDEXED BY session_events_event
          WHERE session_id = ?1 AND event_id = ?2 AND tenant = ?3",
    )?;
    for event in &commit.events {
        let key =
            params![commit.session_id.as_uuid(), event.event_id.as_uuid(), commit.tenant.as_str()];
        if recorded.exists(key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The events of a commit that was applied before, as they were recorded.
pub(super) fn recorded(connection: &Connection, commit: &Commit) -> Result<Vec<Event>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT payload, session_id, seq, event_id, occurred_at
           FROM session_events INDEXED BY session_events_event
          WHERE session_id = ?1 AND event_id = ?2 AND tenant = ?3",
    )?;
    let mut events = Vec::with_capacity(commit.events.len());
    for event in &commit.events {
        let key =
            params![commit.session_id.as_uuid(), event.event_id.as_uuid(), commit.tenant.as_str()];
        let event = select.query_row(key, |row| Ok(stored(row))).optional()?;
        events.extend(event.transpose()?);
    }
    Ok(events)
}

/// A range of a session's events.
pub(super) fn read(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
    range: EventRange,
    count: usize,
) -> Result<Vec<Event>, SqlError> {
    let (sql, seq) = match range {
        EventRange::After(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = ?1 AND tenant = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
            seq,
        ),
        EventRange::Before(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = ?1 AND tenant = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT ?4",
            seq,
        ),
        EventRange::HistoryBefore(seq) => (
            "SELECT payload, session_id, seq, event_id, occurred_at FROM session_events
              WHERE session_id = ?1 AND tenant = ?2 AND seq < ?3 AND history = 1
              ORDER BY seq DESC LIMIT ?4",
            seq,
        ),
    };
    let seq = i64::try_from(seq.0).unwrap_or(i64::MAX);
    connection
        .prepare_cached(sql)?
        .query_and_then(params![session.as_uuid(), tenant.as_str(), seq, limit(count)], stored)?
        .collect()
}

/// The event of a row; one that cannot be read is stood for.
fn stored(row: &Row<'_>) -> Result<Event, SqlError> {
    let unreadable = match read_json(row.get_ref(0)?) {
        Ok(event) => return Ok(event),
        Err(unreadable) => unreadable,
    };
    let (session, seq) = (SessionId::from_uuid(row.get(1)?), Seq(row.get(2)?));
    let (id, at) = (EventId::from_uuid(row.get(3)?), Timestamp::from_micros(row.get(4)?));
    tracing::warn!(%session, seq = seq.0, error = unreadable.error, "an event cannot be read");
    Ok(Event::unreadable(session, seq, id, at, &unreadable))
}
