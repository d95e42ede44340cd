//! Reading what waits in the outbox, with the events that its rows refer to.

use rusqlite::{Connection, Row, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::time::Timestamp;
use uuid::Uuid;

use crate::columns::{lane_set, limit, trace};
use crate::database::SqlError;

/// The oldest rows of some lanes above an id.
pub(super) fn oldest(
    connection: &Connection,
    lanes: &[Lane],
    after: u64,
    count: usize,
) -> Result<Vec<OutboxRow>, SqlError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT id, lane, tenant, topic, key, kind, event_id, payload, first_seq, last_seq,
                    traceparent, tracestate, created_at
               FROM outbox WHERE id > ?1 AND (?2 >> lane) & 1 ORDER BY id LIMIT ?3",
        )?
        .query_and_then(params![after, lane_set(lanes), limit(count)], |row| {
            pending(connection, row)
        })?
        .collect()
}

fn pending(connection: &Connection, row: &Row<'_>) -> Result<OutboxRow, SqlError> {
    let header = header(row)?;
    let payload: Option<Vec<u8>> = row.get(7)?;
    let messages = match payload {
        Some(payload) => {
            vec![OutboxMessage { event_id: row.get(6)?, payload: payload.into(), ..header }]
        }
        None => events(connection, &header, row.get(8)?, row.get(9)?)?,
    };
    Ok(OutboxRow {
        id: row.get(0)?,
        lane: Lane(row.get(1)?),
        messages,
        created_at: Timestamp::from_micros(row.get(12)?),
    })
}

/// What a row says of each of its messages.
fn header(row: &Row<'_>) -> Result<OutboxMessage, SqlError> {
    let topic: String = row.get(3)?;
    let unknown = || SqlError::Row(format!("unknown topic: {topic}").into());
    Ok(OutboxMessage {
        topic: Topic::parse(&topic).ok_or_else(unknown)?,
        key: row.get(4)?,
        kind: row.get(5)?,
        tenant: TenantId::new(row.get::<_, String>(2)?)?,
        event_id: Uuid::nil(),
        trace: trace(row, 10)?,
        payload: Vec::new().into(),
        numbered_by: None,
    })
}

/// The publications of the events that a row refers to: as they are recorded, which nobody parses.
fn events(
    connection: &Connection,
    header: &OutboxMessage,
    first: i64,
    last: i64,
) -> Result<Vec<OutboxMessage>, SqlError> {
    let session: SessionId = header.key.parse().map_err(|error| SqlError::Row(Box::new(error)))?;
    let mut kinds = header.kind.split(' ');
    connection
        .prepare_cached(
            "SELECT event_id, payload FROM session_events
              WHERE session_id = ?1 AND tenant = ?2 AND seq BETWEEN ?3 AND ?4 ORDER BY seq",
        )?
        .query_and_then(params![session.as_uuid(), header.tenant.as_str(), first, last], |row| {
            let payload = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
            Ok(OutboxMessage {
                kind: kinds.next().unwrap_or_default().into(),
                event_id: row.get(0)?,
                payload: payload.to_vec().into(),
                ..header.clone()
            })
        })?
        .collect()
}

/// How much waits.
pub(super) fn depth(connection: &Connection) -> Result<OutboxDepth, SqlError> {
    let (rows, oldest): (u64, Option<i64>) = connection
        .prepare_cached("SELECT count(*), min(created_at) FROM outbox")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(OutboxDepth { rows, oldest: oldest.map(Timestamp::from_micros) })
}
