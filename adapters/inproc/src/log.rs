//! The event log in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched, Positioned, wait_for_records};
use soma_core::ports::{Log, PortError, PortResult, Timer};
use soma_core::unreadable::Unreadable;

use crate::lock::locked;

/// How many partitions each topic has, if not told otherwise.
pub const PARTITIONS: u32 = 3;

/// Keeps every topic in memory.
pub struct InprocLog {
    partitions: u32,
    slots: BTreeMap<(Topic, Partition), Slot>,
    timer: Arc<dyn Timer>,
}

/// One partition.
#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Kept>,
    grown: Event,
}

/// The records of a partition.
#[derive(Debug, Default)]
struct Kept {
    earliest: u64,
    records: VecDeque<Arc<Record>>,
    damaged: BTreeSet<u64>,
}

/// A partition that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{topic} has no partition {partition}")]
struct NoPartition {
    topic: Topic,
    partition: Partition,
}

impl InprocLog {
    /// An empty log with [`PARTITIONS`] partitions to a topic, whose fetches wait by `timer`.
    pub fn new(timer: Arc<dyn Timer>) -> Self {
        Self::with_partitions(PARTITIONS, timer)
    }

    /// An empty log with this many partitions to a topic, at least 1.
    pub fn with_partitions(partitions: u32, timer: Arc<dyn Timer>) -> Self {
        let partitions = partitions.max(1);
        let places = Topic::ALL.iter().flat_map(|topic| (0..partitions).map(|n| (*topic, n)));
        let slots = places.map(|place| (place, Slot::default())).collect();
        Self { partitions, slots, timer }
    }

    /// Drops every record below `offset`, as retention does.
    pub fn drop_before(&self, topic: Topic, partition: Partition, offset: u64) -> PortResult<()> {
        let mut kept = locked(&self.slot(topic, partition)?.kept);
        while kept.earliest < offset && kept.records.pop_front().is_some() {
            kept.earliest += 1;
        }
        Ok(())
    }

    /// Drops every record from `next` on, as a broker does that lost its tail: their offsets are
    /// given again. Returns how many those were. Whoever waits for records is told where the partition ends.
    pub fn truncate(&self, topic: Topic, partition: Partition, next: u64) -> PortResult<usize> {
        let place = self.slot(topic, partition)?;
        let lost = {
            let mut kept = locked(&place.kept);
            let keep = usize::try_from(next.saturating_sub(kept.earliest)).unwrap_or(usize::MAX);
            let lost = kept.records.len().saturating_sub(keep);
            kept.records.truncate(keep);
            lost
        };
        place.grown.notify(usize::MAX);
        Ok(lost)
    }

    /// Damages the record at `offset`, so that nobody can read it any more.
    pub fn damage(&self, topic: Topic, partition: Partition, offset: u64) -> PortResult<()> {
        locked(&self.slot(topic, partition)?.kept).damaged.insert(offset);
        Ok(())
    }

    fn slot(&self, topic: Topic, partition: Partition) -> PortResult<&Slot> {
        self.slots.get(&(topic, partition)).ok_or_else(|| PortError::Broken {
            what: "finding the partition",
            source: Box::new(NoPartition { topic, partition }),
        })
    }
}

impl Kept {
    fn bounds(&self) -> Bounds {
        Bounds { earliest: self.earliest, next: self.earliest + self.records.len() as u64 }
    }

    fn read(&self, offset: u64, max_bytes: usize) -> Fetched {
        let bounds = self.bounds();
        if offset < bounds.earliest || offset > bounds.next {
            return Fetched::OutOfRange(bounds);
        }
        if self.damaged.contains(&offset) && offset < bounds.next {
            let found = Unreadable { error: "it is damaged".into(), raw: String::new() };
            return Fetched::Unreadable { offset, found };
        }
        let mut bytes = 0_usize;
        let offsets =
            offset..self.damaged.range(offset..bounds.next).next().map_or(bounds.next, |at| *at);
        let fit = offsets.map_while(|offset| {
            let record = self.records.get(usize::try_from(offset - bounds.earliest).ok()?)?;
            let first = bytes == 0;
            bytes = bytes.saturating_add(record.value.len().max(1));
            (first || bytes <= max_bytes).then(|| Positioned { offset, record: Arc::clone(record) })
        });
        Fetched::Records(fit.collect())
    }
}

#[async_trait]
impl Log for InprocLog {
    fn partitions(&self, _topic: Topic) -> u32 {
        self.partitions
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        let place = self.slot(topic, partition)?;
        let first = {
            let mut kept = locked(&place.kept);
            let first = kept.bounds().next;
            kept.records.extend(records.into_iter().map(Arc::new));
            first
        };
        place.grown.notify(usize::MAX);
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
        let place = self.slot(topic, partition)?;
        let look = || async { Ok(locked(&place.kept).read(offset, max_bytes)) };
        wait_for_records(&*self.timer, wait, &place.grown, look).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        Ok(locked(&self.slot(topic, partition)?.kept).bounds())
    }
}

soma_core::opaque_debug!(InprocLog);
