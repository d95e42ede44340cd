//! The event log as a table: topics, partitions, positions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event;
use futures_util::future::{Either, select};
use rusqlite::{Connection, OptionalExtension, params};
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched, Positioned};
use soma_core::ports::{Log, PortError, PortResult, Timer};
use soma_core::time::Timestamp;

use crate::columns::from_json;
use crate::database::{Database, Durability, SqlError};

/// How many partitions each topic has.
pub const PARTITIONS: u32 = 3;

/// How many records are dropped in one transaction: others want to write, too.
const PRUNED_AT_ONCE: u64 = 10_000;

/// [`Log`] in the database: every topic has [`PARTITIONS`] partitions. Whoever waits for records is
/// woken by those that are published through the same value.
pub struct SqliteLog {
    database: Arc<Database>,
    timer: Arc<dyn Timer>,
    grown: BTreeMap<(Topic, Partition), Event>,
}

/// A partition that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{topic} has no partition {partition}")]
struct NoPartition {
    topic: Topic,
    partition: Partition,
}

impl SqliteLog {
    /// The log of a database, whose fetches wait by `timer`.
    pub fn new(database: Arc<Database>, timer: Arc<dyn Timer>) -> Self {
        let partitions =
            Topic::ALL.iter().flat_map(|topic| (0..PARTITIONS).map(|number| (*topic, number)));
        let grown = partitions.map(|place| (place, Event::new())).collect();
        Self { database, timer, grown }
    }

    /// Drops records that are older than `retention`, but the newest of each partition: it tells
    /// where the partition goes on. Answers how many.
    pub async fn prune(&self, now: Timestamp, retention: Duration) -> PortResult<u64> {
        let age = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let oldest = Timestamp::from_micros(now.as_micros().saturating_sub(age));
        let mut dropped = 0;
        for (topic, partition) in self.grown.keys().copied() {
            loop {
                let job =
                    move |connection: &Connection| prune(connection, topic, partition, oldest);
                let some = self.database.write(Durability::Relaxed, job).await?;
                dropped += some;
                if some < PRUNED_AT_ONCE {
                    break;
                }
            }
        }
        Ok(dropped)
    }

    fn grown(&self, topic: Topic, partition: Partition) -> PortResult<&Event> {
        self.grown.get(&(topic, partition)).ok_or_else(|| PortError::Broken {
            what: "finding the partition",
            source: Box::new(NoPartition { topic, partition }),
        })
    }
}

#[async_trait]
impl Log for SqliteLog {
    fn partitions(&self, _topic: Topic) -> u32 {
        PARTITIONS
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        let grown = self.grown(topic, partition)?;
        // Outbox and log are in one file, whose writes are one sequence: a loss of power that takes
        // a record takes the settling of its outbox row too, and it is published again.
        let job = move |connection: &Connection| append(connection, topic, partition, &records);
        let first = self.database.write(Durability::Relaxed, job).await?;
        grown.notify(usize::MAX);
        Ok(first)
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let event = self.grown(topic, partition)?;
        let mut over = self.timer.sleep(wait);
        loop {
            let grown = event.listen();
            let job = move |connection: &Connection| {
                read(connection, topic, partition, offset, max_bytes)
            };
            let found = self.database.read(job).await?;
            if wait.is_zero() || found != Fetched::Records(Vec::new()) {
                return Ok(found);
            }
            match select(grown, over).await {
                Either::Left(((), rest)) => over = rest,
                Either::Right(((), _)) => return Ok(found),
            }
        }
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.grown(topic, partition)?;
        self.database.read(move |connection| bounds(connection, topic, partition)).await
    }
}

/// Appends records. Answers the position of the first.
fn append(
    connection: &Connection,
    topic: Topic,
    partition: Partition,
    records: &[Record],
) -> Result<u64, SqlError> {
    let first = bounds(connection, topic, partition)?.next;
    let mut insert = connection.prepare_cached(
        "INSERT INTO log (topic, partition, position, key, value, headers, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (position, record) in (first..).zip(records) {
        insert.execute(params![
            topic.as_str(),
            partition,
            position,
            record.key,
            record.value,
            serde_json::to_string(&record.headers)?,
            record.at.as_micros(),
        ])?;
    }
    Ok(first)
}

/// The records from a position on, as far as they fit.
fn read(
    connection: &Connection,
    topic: Topic,
    partition: Partition,
    offset: u64,
    max_bytes: usize,
) -> Result<Fetched, SqlError> {
    let bounds = bounds(connection, topic, partition)?;
    if offset < bounds.earliest || offset > bounds.next {
        return Ok(Fetched::OutOfRange(bounds));
    }
    let mut select = connection.prepare_cached(
        "SELECT position, key, value, headers, at FROM log
         WHERE topic = ?1 AND partition = ?2 AND position >= ?3 ORDER BY position",
    )?;
    let mut rows = select.query(params![topic.as_str(), partition, offset])?;
    let (mut found, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let value: Vec<u8> = row.get(2)?;
        // An empty value counts, too: no answer is without end.
        bytes = bytes.saturating_add(value.len().max(1));
        if bytes > max_bytes && !found.is_empty() {
            break;
        }
        let record = Record {
            key: row.get(1)?,
            value,
            headers: from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?,
            at: Timestamp::from_micros(row.get(4)?),
        };
        found.push(Positioned { offset: row.get(0)?, record: record.into() });
    }
    Ok(Fetched::Records(found))
}

fn bounds(connection: &Connection, topic: Topic, partition: Partition) -> Result<Bounds, SqlError> {
    // Two statements: of one with both, SQLite reads the whole partition.
    let end = |sql: &str| -> Result<Option<u64>, SqlError> {
        let mut select = connection.prepare_cached(sql)?;
        Ok(select.query_row(params![topic.as_str(), partition], |row| row.get(0))?)
    };
    let earliest = end("SELECT min(position) FROM log WHERE topic = ?1 AND partition = ?2")?;
    let newest = end("SELECT max(position) FROM log WHERE topic = ?1 AND partition = ?2")?;
    Ok(Bounds { earliest: earliest.unwrap_or(0), next: newest.map_or(0, |newest| newest + 1) })
}

/// Drops the oldest records up to the first that is young enough, or is the newest.
fn prune(
    connection: &Connection,
    topic: Topic,
    partition: Partition,
    oldest: Timestamp,
) -> Result<u64, SqlError> {
    let Bounds { earliest, next } = bounds(connection, topic, partition)?;
    let at_most = (earliest + PRUNED_AT_ONCE).min(next.saturating_sub(1));
    let young: Option<u64> = connection
        .prepare_cached(
            "SELECT position FROM log
             WHERE topic = ?1 AND partition = ?2 AND position < ?3 AND at >= ?4
             ORDER BY position LIMIT 1",
        )?
        .query_row(params![topic.as_str(), partition, at_most, oldest.as_micros()], |row| {
            row.get(0)
        })
        .optional()?;
    let dropped = connection
        .prepare_cached("DELETE FROM log WHERE topic = ?1 AND partition = ?2 AND position < ?3")?
        .execute(params![topic.as_str(), partition, young.unwrap_or(at_most)])?;
    Ok(u64::try_from(dropped).unwrap_or(u64::MAX))
}

soma_core::opaque_debug!(SqliteLog);
