//! Reading what waits in the outbox, with the events that its rows refer to.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value};
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::time::Timestamp;
use soma_core::unreadable::Unreadable;
use uuid::Uuid;

use crate::columns::{lane_set, limit, raw, trace};
use crate::database::SqlError;
use crate::pack::unpacked;

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
    let (messages, unreadable) = match messages(connection, row) {
        Ok(messages) => (messages, None),
        Err(SqlError::Row(source)) => {
            (Vec::new(), Some(Unreadable { error: source.to_string(), raw: stored(row)? }))
        }
        Err(error @ (SqlError::Statement(_) | SqlError::Panicked)) => return Err(error),
    };
    Ok(OutboxRow {
        id: row.get(0)?,
        lane: Lane(row.get(1)?),
        messages,
        unreadable,
        created_at: Timestamp::from_micros(row.get(12)?),
    })
}

/// All that a row has, for people.
fn stored(row: &Row<'_>) -> Result<String, SqlError> {
    const COLUMNS: [(usize, &str); 7] = [
        (2, "tenant"),
        (3, "topic"),
        (4, "key"),
        (5, "kind"),
        (7, "payload"),
        (8, "first_seq"),
        (9, "last_seq"),
    ];
    let text = |(place, name): (usize, &str)| {
        let mut column = row.get_ref(place)?;
        if let ValueRef::Blob(payload) = column {
            column = ValueRef::Text(payload);
        }
        Ok((name.to_owned(), raw(column).into()))
    };
    let columns = COLUMNS.into_iter().map(text).collect::<Result<Map<_, _>, SqlError>>()?;
    Ok(Value::Object(columns).to_string())
}

fn messages(connection: &Connection, row: &Row<'_>) -> Result<Vec<OutboxMessage>, SqlError> {
    let header = header(row)?;
    let payload: Option<Vec<u8>> = row.get(7)?;
    match payload {
        Some(payload) => {
            Ok(vec![OutboxMessage { event_id: row.get(6)?, payload: payload.into(), ..header }])
        }
        None => events(connection, &header, row.get(8)?, row.get(9)?),
    }
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
            "SELECT event_id, payload, seq, occurred_at FROM session_events
              WHERE session_id = ?1 AND tenant = ?2 AND seq BETWEEN ?3 AND ?4 ORDER BY seq",
        )?
        .query_and_then(params![session.as_uuid(), header.tenant.as_str(), first, last], |row| {
            let (id, kind) = (row.get(0)?, kinds.next().unwrap_or_default());
            let unreadable = match unpacked(row.get_ref(1)?) {
                Ok(payload) => {
                    let payload = payload.into_owned().into();
                    return Ok(OutboxMessage {
                        kind: kind.into(),
                        event_id: id,
                        payload,
                        ..header.clone()
                    });
                }
                Err(unreadable) => unreadable,
            };
            let (seq, at) = (Seq(row.get(2)?), Timestamp::from_micros(row.get(3)?));
            let event = Event::unreadable(session, seq, EventId::from_uuid(id), at, &unreadable);
            Ok(OutboxMessage::event(&header.tenant, &event, header.trace.as_ref()))
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
