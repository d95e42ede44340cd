//! Reading what waits in the outbox, with the events that its rows refer to.

use serde_json::json;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::unreadable::Unreadable;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{count, raw, tenant, timestamp, trace};
use crate::database::{Query, SqlError};

/// The oldest rows of some lanes above an id; of a row that refers to events, one for each event.
pub(super) fn oldest<'a>(above: &'a i64, lanes: &'a Vec<i16>, limit: &'a i64) -> Query<'a> {
    Query::new(
        "SELECT o.id, o.lane, o.tenant, o.topic, o.key, o.kind, o.dedupe_key, o.payload,
                o.first_seq, o.last_seq, o.traceparent, o.tracestate, o.created_at,
                e.event_id, e.payload
           FROM (SELECT *, CASE WHEN first_seq IS NOT NULL
                                THEN convert_from(key, 'UTF8')::uuid END AS session_id
                   FROM outbox WHERE id > $1 AND lane = ANY ($2) ORDER BY id LIMIT $3) AS o
           LEFT JOIN session_events AS e
             ON e.session_id = o.session_id AND e.seq BETWEEN o.first_seq AND o.last_seq
            AND e.tenant = o.tenant
          ORDER BY o.id, e.seq",
        vec![above, lanes, limit],
    )
}

/// What [`oldest`] found.
pub(super) fn pending(rows: &[Row]) -> Result<Vec<OutboxRow>, SqlError> {
    let id = |row: &Row| row.get::<_, i64>(0);
    rows.chunk_by(|one, next| id(one) == id(next)).map(one).collect()
}

fn one(rows: &[Row]) -> Result<OutboxRow, SqlError> {
    let [row, ..] = rows else { return Err(SqlError::Row("a row of nothing".into())) };
    let (messages, unreadable) = match messages(row, rows) {
        Ok(messages) => (messages, None),
        Err(SqlError::Row(source)) => {
            (Vec::new(), Some(Unreadable { error: source.to_string(), raw: stored(row)? }))
        }
        Err(error) => return Err(error),
    };
    Ok(OutboxRow {
        id: count(row, 0)?,
        lane: lane(row)?,
        messages,
        unreadable,
        created_at: timestamp(row, 12)?,
    })
}

fn lane(row: &Row) -> Result<Lane, SqlError> {
    let lane: i16 = row.try_get(1)?;
    u32::try_from(lane).map(Lane).map_err(|error| SqlError::Row(Box::new(error)))
}

/// All that a row has, for people.
fn stored(row: &Row) -> Result<String, SqlError> {
    let text = |column: usize| row.try_get::<_, &str>(column);
    let bytes = |column: usize| row.try_get::<_, Option<&[u8]>>(column).map(|it| it.map(raw));
    let number = |column: usize| row.try_get::<_, Option<i64>>(column);
    let stored = json!({
        "tenant": text(2)?,
        "topic": text(3)?,
        "key": bytes(4)?,
        "kind": text(5)?,
        "payload": bytes(7)?,
        "first_seq": number(8)?,
        "last_seq": number(9)?,
    });
    Ok(stored.to_string())
}

fn messages(row: &Row, rows: &[Row]) -> Result<Vec<OutboxMessage>, SqlError> {
    let header = header(row)?;
    match row.try_get::<_, Option<&[u8]>>(7)? {
        Some(payload) => {
            let event_id = row.try_get(6)?;
            Ok(vec![OutboxMessage { event_id, payload: payload.to_vec().into(), ..header }])
        }
        None => events(&header, rows),
    }
}

/// What a row says of each of its messages.
fn header(row: &Row) -> Result<OutboxMessage, SqlError> {
    let topic: &str = row.try_get(3)?;
    let unknown = || SqlError::Row(format!("unknown topic: {topic}").into());
    let key = std::str::from_utf8(row.try_get(4)?);
    Ok(OutboxMessage {
        topic: Topic::parse(topic).ok_or_else(unknown)?,
        key: key.map_err(|error| SqlError::Row(Box::new(error)))?.to_owned(),
        kind: row.try_get(5)?,
        tenant: tenant(row, 2)?,
        event_id: Uuid::nil(),
        trace: trace(row, 10)?,
        payload: Vec::new().into(),
        numbered_by: None,
    })
}

/// The publications of the events that a row refers to: as they are recorded, which nobody parses.
fn events(header: &OutboxMessage, rows: &[Row]) -> Result<Vec<OutboxMessage>, SqlError> {
    let mut messages = Vec::with_capacity(rows.len());
    for (row, kind) in rows.iter().zip(header.kind.split(' ')) {
        // None, if the session was erased.
        let Some(event_id) = row.try_get(13)? else { continue };
        let payload = row.try_get::<_, &[u8]>(14)?.to_vec().into();
        messages.push(OutboxMessage { event_id, kind: kind.into(), payload, ..header.clone() });
    }
    Ok(messages)
}

/// How many rows there are, and the time of the first.
pub(super) const fn depth() -> Query<'static> {
    Query::new(
        "SELECT count(*), (SELECT created_at FROM outbox ORDER BY id LIMIT 1) FROM outbox",
        Vec::new(),
    )
}

/// What [`depth`] found.
pub(super) fn depth_of(rows: &[Row]) -> Result<OutboxDepth, SqlError> {
    let Some(row) = rows.first() else { return Ok(OutboxDepth::default()) };
    let oldest: Option<crate::columns::At> = row.try_get(1)?;
    Ok(OutboxDepth { rows: count(row, 0)?, oldest: oldest.map(|at| at.0) })
}
