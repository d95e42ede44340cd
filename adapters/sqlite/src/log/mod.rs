//! The event log: a table of what is kept, and the end of each partition in memory.

pub(crate) mod table;
mod tail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched, is_passing, wait_for_records};
use soma_core::ports::{Log, PortError, PortResult, Timer};
use soma_core::time::Timestamp;

use crate::database::{Database, Durability};
use table::{Found, PRUNED_AT_ONCE, Place};
use tail::{Look, Tail};

/// How many partitions each topic has.
pub const PARTITIONS: u32 = 3;

/// [`Log`] in the database: every topic has [`PARTITIONS`] partitions. Whoever waits for records is
/// woken by those that are published through the same value.
///
/// What need not outlive its turn ([`is_passing`]) is kept in memory only, and no longer than
/// there is room. What all consumers of a topic have taken is dropped with the position that says so:
/// each topic has one group of consumers, and what happened stands in the store. Retention drops
/// the rest.
pub struct SqliteLog {
    database: Arc<Database>,
    timer: Arc<dyn Timer>,
    tails: BTreeMap<(Topic, Partition), Arc<Tail>>,
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
        let tails = partitions.map(|place| (place, Arc::default())).collect();
        Self { database, timer, tails }
    }

    /// Drops records that are older than `retention`, but the newest of each partition: it tells
    /// where the partition goes on. Answers how many.
    pub async fn prune(&self, now: Timestamp, retention: Duration) -> PortResult<u64> {
        let age = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let oldest = Timestamp::from_micros(now.as_micros().saturating_sub(age));
        let mut dropped = 0;
        for ((topic, partition), tail) in &self.tails {
            let place = Place { topic: *topic, partition: *partition };
            loop {
                let job = move |connection: &Connection| table::prune(connection, place, oldest);
                let (some, earliest) = self.database.write(Durability::Relaxed, job).await?;
                tail.drop_below(earliest);
                dropped += some;
                if some < PRUNED_AT_ONCE {
                    break;
                }
            }
        }
        Ok(dropped)
    }

    /// The end of a partition; where it is, the file says once.
    async fn tail(&self, place: Place) -> PortResult<&Arc<Tail>> {
        let Place { topic, partition } = place;
        let tail = self.tails.get(&(topic, partition)).ok_or_else(|| PortError::Broken {
            what: "finding the partition",
            source: Box::new(NoPartition { topic, partition }),
        })?;
        if !tail.is_known() {
            tail.begin(self.database.read(move |connection| table::next(connection, place)).await?);
        }
        Ok(tail)
    }

    /// What there is from an offset on.
    async fn look(
        &self,
        place: Place,
        tail: &Tail,
        offset: u64,
        max_bytes: usize,
    ) -> PortResult<Fetched> {
        let mut from = offset;
        loop {
            let below = match tail.look(from, max_bytes) {
                Look::Here(records) => return Ok(Fetched::Records(records)),
                Look::Beyond => return Ok(Fetched::OutOfRange(self.bounds_of(place, tail).await?)),
                Look::Stored { below } => below,
            };
            let job = move |connection: &Connection| {
                let earliest = table::earliest(connection, place)?;
                Ok((earliest, table::read(connection, place, (from, below), max_bytes)?))
            };
            let (earliest, found) = self.database.read(job).await?;
            if offset < earliest.unwrap_or(below) {
                return Ok(Fetched::OutOfRange(self.bounds_of(place, tail).await?));
            }
            let Found { mut records, room } = found;
            if !records.is_empty() {
                if let Some(room) = room.filter(|room| *room > 0)
                    && let Look::Here(more) = tail.look_within(below, room)
                {
                    records.extend(more);
                }
                return Ok(Fetched::Records(records));
            }
            // Nothing was kept of what stood between.
            from = below;
        }
    }

    async fn bounds_of(&self, place: Place, tail: &Tail) -> PortResult<Bounds> {
        let earliest =
            self.database.read(move |connection| table::earliest(connection, place)).await?;
        let next = tail.end();
        let from = tail.from().min(next);
        Ok(Bounds { earliest: earliest.map_or(from, |stored| stored.min(from)), next })
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
        let place = Place { topic, partition };
        let tail = self.tail(place).await?;
        if records.iter().all(is_passing) {
            return Ok(tail.append(records));
        }
        let records: Arc<[Arc<Record>]> = records.into_iter().map(Arc::new).collect();
        let tail = Arc::clone(tail);
        // Outbox and log are in one file, whose writes are one sequence: a loss of power that takes
        // a record takes the settling of its outbox row too, and it is published again.
        let job = move |connection: &Connection| {
            let reserved = tail.reserve(table::next(connection, place)?, records);
            for (offset, record) in (reserved.first..).zip(reserved.records.iter()) {
                table::insert(connection, place, offset, record)?;
            }
            Ok(reserved)
        };
        Ok(self.database.write(Durability::Relaxed, job).await?.stored())
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let place = Place { topic, partition };
        let tail = self.tail(place).await?;
        let look = || self.look(place, tail, offset, max_bytes);
        wait_for_records(&*self.timer, wait, &tail.grown, look).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        let place = Place { topic, partition };
        self.bounds_of(place, self.tail(place).await?).await
    }
}

soma_core::opaque_debug!(SqliteLog);
