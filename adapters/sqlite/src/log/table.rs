//! The records that are kept: the table `log`.
//!
//! A record that says what a recorded event says refers to it. If the event is erased, the record is
//! gone, too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ids::SessionId;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Positioned;
use soma_core::time::Timestamp;
use uuid::Uuid;

use crate::columns::read_json;
use crate::database::SqlError;
use crate::pack::unpacked;

/// How many records are dropped in one transaction: others want to write, too.
pub(super) const PRUNED_AT_ONCE: u64 = 10_000;

/// A partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) partition: Partition,
}

/// Stores a record.
pub(super) fn insert(
    connection: &Connection,
    place: Place,
    offset: u64,
    record: &Record,
) -> Result<(), SqlError> {
    let event = recorded(connection, record)?;
    let (session, seq) = event.unzip();
    let whole = event.is_none();
    let mut headers: BTreeMap<&str, &str> =
        record.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if !whole {
        headers.remove(EVENT_ID);
        headers.remove(TENANT);
    }
    connection
        .prepare_cached(
            "INSERT INTO log (topic, partition, position, session_id, seq, key, value, headers, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            place.topic.as_str(),
            place.partition,
            offset,
            session.as_ref().map(SessionId::as_uuid),
            seq,
            whole.then_some(&record.key),
            whole.then_some(&record.value[..]),
            serde_json::to_string(&headers)?,
            record.at.as_micros(),
        ])?;
    Ok(())
}

const EVENT_ID: &str = "event_id";
const TENANT: &str = "tenant";

/// The event that says what the record says.
fn recorded(
    connection: &Connection,
    record: &Record,
) -> Result<Option<(SessionId, u64)>, SqlError> {
    let header = |name| record.headers.get(name).map(String::as_str);
    let (Ok(session), Some(Ok(event)), Some(tenant)) =
        (record.key.parse::<SessionId>(), header(EVENT_ID).map(str::parse::<Uuid>), header(TENANT))
    else {
        return Ok(None);
    };
    // Unpacking what is stored is much cheaper than packing what is said.
    let seq = connection
        .prepare_cached(
            "SELECT seq, payload FROM session_events INDEXED BY session_events_event
              WHERE session_id = ?1 AND event_id = ?2 AND tenant = ?3",
        )?
        .query_row(params![session.as_uuid(), event, tenant], |row| {
            let said = unpacked(row.get_ref(1)?).is_ok_and(|said| said[..] == record.value[..]);
            said.then(|| row.get(0)).transpose()
        })
        .optional()?
        .flatten();
    let same = session.to_string() == record.key
        && header(EVENT_ID).is_some_and(|text| text == event.to_string());
    Ok(seq.filter(|_| same).map(|seq| (session, seq)))
}

/// Records that were read.
pub(super) struct Found {
    pub(super) records: Vec<Positioned>,
    /// How much more would have fitted; none if there are more records.
    pub(super) room: Option<usize>,
}

/// The records from an offset on and below another, as far as they fit.
pub(super) fn read(
    connection: &Connection,
    place: Place,
    (offset, below): (u64, u64),
    max_bytes: usize,
) -> Result<Found, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT position, log.session_id, key, value, headers, at, event_id, tenant, payload
           FROM log LEFT JOIN session_events AS event
                ON event.session_id = log.session_id AND event.seq = log.seq
          WHERE topic = ?1 AND partition = ?2 AND position >= ?3 AND position < ?4
          ORDER BY position",
    )?;
    let mut rows = select.query(params![place.topic.as_str(), place.partition, offset, below])?;
    let (mut records, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let Some(value) = value(row)? else { continue };
        // An empty value counts, too: no answer is without end.
        bytes = bytes.saturating_add(value.len().max(1));
        if bytes > max_bytes && !records.is_empty() {
            return Ok(Found { records, room: None });
        }
        records.push(Positioned { offset: row.get(0)?, record: record(row, value)?.into() });
    }
    Ok(Found { records, room: Some(max_bytes.saturating_sub(bytes)) })
}

/// What a record says; nothing if it refers to an event that was erased, or cannot be read.
fn value(row: &Row<'_>) -> Result<Option<Vec<u8>>, SqlError> {
    let event = match row.get(3)? {
        Some(value) => return Ok(Some(value)),
        None => row.get_ref(8)?,
    };
    Ok(unpacked(event).ok().map(Cow::into_owned))
}

fn record(row: &Row<'_>, value: Vec<u8>) -> Result<Record, SqlError> {
    // Without its headers a record says what it says: its consumer reads it, or sets it aside.
    let mut headers: BTreeMap<String, String> = read_json(row.get_ref(4)?).unwrap_or_default();
    let key = match row.get::<_, Option<Uuid>>(1)? {
        Some(session) => {
            headers.insert(EVENT_ID.into(), row.get::<_, Uuid>(6)?.to_string());
            headers.insert(TENANT.into(), row.get(7)?);
            SessionId::from_uuid(session).to_string()
        }
        None => row.get(2)?,
    };
    let at = Timestamp::from_micros(row.get(5)?);
    Ok(Record { key, value: value.into(), headers, at })
}

/// The offset of the oldest record.
pub(super) fn earliest(connection: &Connection, place: Place) -> Result<Option<u64>, SqlError> {
    let select = "SELECT min(position) FROM log WHERE topic = ?1 AND partition = ?2";
    end(connection, place, select)
}

/// The offset after the newest record.
pub(super) fn next(connection: &Connection, place: Place) -> Result<u64, SqlError> {
    let select = "SELECT max(position) FROM log WHERE topic = ?1 AND partition = ?2";
    Ok(end(connection, place, select)?.map_or(0, |newest| newest + 1))
}

// One statement for each end: of one with both, SQLite reads the whole partition.
fn end(connection: &Connection, place: Place, sql: &str) -> Result<Option<u64>, SqlError> {
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row(params![place.topic.as_str(), place.partition], |row| row.get(0))?)
}

/// Drops the oldest records up to the first that is young enough, or is the newest. Answers how many,
/// and where the partition begins now.
pub(super) fn prune(
    connection: &Connection,
    place: Place,
    oldest: Timestamp,
) -> Result<(u64, u64), SqlError> {
    let first = earliest(connection, place)?.unwrap_or(0);
    let at_most = (first + PRUNED_AT_ONCE).min(next(connection, place)?.saturating_sub(1));
    let young: Option<u64> = connection
        .prepare_cached(
            "SELECT position FROM log
             WHERE topic = ?1 AND partition = ?2 AND position < ?3 AND at >= ?4
             ORDER BY position LIMIT 1",
        )?
        .query_row(
            params![place.topic.as_str(), place.partition, at_most, oldest.as_micros()],
            |row| row.get(0),
        )
        .optional()?;
    let dropped = drop_below(connection, place, young.unwrap_or(at_most))?;
    Ok((dropped, earliest(connection, place)?.unwrap_or(first)))
}

/// Drops records that the consumers of their topic are done with, but the last: the position is
/// recognised by it.
pub(crate) fn consumed(
    connection: &Connection,
    place: Place,
    next_offset: u64,
) -> Result<(), SqlError> {
    drop_below(connection, place, next_offset.saturating_sub(1)).map(|_| ())
}

fn drop_below(connection: &Connection, place: Place, offset: u64) -> Result<u64, SqlError> {
    let dropped = connection
        .prepare_cached("DELETE FROM log WHERE topic = ?1 AND partition = ?2 AND position < ?3")?
        .execute(params![place.topic.as_str(), place.partition, offset])?;
    Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
}
