//! Who holds which partition and lane, where the positions are, and what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::digest::Digest32;
use soma_core::ids::EventId;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::work::ingest::{ReplicaBatch, WorkBatch};
use soma_core::work::lease::{PartitionLease, Resource};

use super::invariant::{Invariant, Wrong};
use crate::platform::Unit;

#[derive(Debug, Default)]
struct Held {
    epoch: u64,
    released: bool,
    position: u64,
    /// Where records came to places that the position had passed before the log was cut.
    owed: BTreeSet<u64>,
}

/// What a batch makes of the records that its position moves past.
#[derive(Debug)]
pub(super) struct Move {
    lease: PartitionLease,
    next: u64,
    made: Made,
    /// The offsets of what was set aside.
    letters: Vec<Option<u64>>,
}

#[derive(Debug)]
enum Made {
    /// Work of the records at these offsets.
    Work(Vec<Option<u64>>),
    /// Rows for these events, in order.
    Rows(Vec<EventId>),
}

impl Move {
    pub(super) fn of_work(batch: &WorkBatch) -> Self {
        let offsets = batch.items.iter().map(|item| item.otherwise.offset);
        Self {
            lease: batch.lease.clone(),
            next: batch.next_offset,
            made: Made::Work(offsets.collect()),
            letters: batch.dead.iter().map(|letter| letter.offset).collect(),
        }
    }

    pub(super) fn of_rows(batch: &ReplicaBatch) -> Self {
        Self {
            lease: batch.lease.clone(),
            next: batch.next_offset,
            made: Made::Rows(batch.items.iter().map(|item| item.write.event_id).collect()),
            letters: batch.dead.iter().map(|letter| letter.offset).collect(),
        }
    }

    /// Whether it only says that records after `position` are missing.
    fn is_gap(&self, position: u64) -> bool {
        let nothing = match &self.made {
            Made::Work(offsets) => offsets.is_empty(),
            Made::Rows(events) => events.is_empty(),
        };
        nothing && self.letters == [Some(position)]
    }

    /// The offsets that it passes, but for what was set aside.
    fn passed(&self, position: u64) -> impl Iterator<Item = u64> {
        (position..self.next).filter(|at| !self.letters.contains(&Some(*at)))
    }

    /// Whether each record from `position` on is ingested or set aside, and nothing else is.
    /// `event_at` tells which event a record is about, where that is known.
    fn covers(&self, position: u64, event_at: impl Fn(u64) -> Option<EventId>) -> bool {
        let in_order = |letter: &Option<u64>| letter.is_some_and(|at| at >= position);
        self.letters.iter().all(in_order)
            && match &self.made {
                Made::Work(offsets) => self.passed(position).map(Some).eq(offsets.iter().copied()),
                Made::Rows(events) => {
                    let is_of = |(at, event)| event_at(at).is_none_or(|known| known == event);
                    self.passed(position).count() == events.len()
                        && self.passed(position).zip(events.iter().copied()).all(is_of)
                }
            }
    }
}

/// Leases and positions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    held: BTreeMap<Resource, Held>,
    ends: BTreeMap<(Topic, Partition), u64>,
    /// Partitions that lost records.
    lossy: BTreeSet<(Topic, Partition)>,
    /// The record that was appended last at each offset of what somebody reads.
    marks: BTreeMap<(Topic, Partition, u64), Mark>,
}

/// What is noted of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The event that it is about, where that is known.
    event: Option<EventId>,
    /// What it says.
    digest: Digest32,
}

impl Mark {
    /// The mark of a record.
    pub(super) fn of(record: &Record) -> Self {
        let event = record.header("event_id").and_then(|event| event.parse().ok());
        Self { event, digest: record.digest() }
    }
}

impl Positions {
    pub(super) fn acquired(&mut self, lease: &PartitionLease) -> Result<(), Wrong> {
        let held = self.held.entry(lease.resource.clone()).or_default();
        held.released = false;
        let before = std::mem::replace(&mut held.epoch, lease.epoch);
        if lease.epoch <= before {
            let what =
                format!("{} was acquired under {} after {before}", lease.resource, lease.epoch);
            return Err((Invariant::Fencing, what));
        }
        if lease.next_offset != held.position {
            let what = format!(
                "{} was acquired at {}, it was left at {}",
                lease.resource, lease.next_offset, held.position
            );
            return Err((Invariant::Positions, what));
        }
        Ok(())
    }

    pub(super) fn released(&mut self, leases: &[PartitionLease]) {
        for lease in leases {
            if let Some(held) = self.held.get_mut(&lease.resource) {
                held.released |= held.epoch == lease.epoch;
            }
        }
    }

    /// A batch took effect.
    pub(super) fn moved(&mut self, moved: &Move) -> Result<(), Wrong> {
        let Move { lease, next, .. } = moved;
        self.fenced(lease)?;
        let held = self.held.entry(lease.resource.clone()).or_default();
        let before = std::mem::replace(&mut held.position, *next);
        let Resource::Partition { topic, partition, .. } = &lease.resource else {
            let what = format!("{} moved to {next}, and has no position", lease.resource);
            return Err((Invariant::Positions, what));
        };
        let lossy = self.lossy.contains(&(*topic, *partition));
        if lossy && moved.is_gap(before) {
            held.owed.retain(|at| at >= next);
            return Ok(());
        }
        held.owed.retain(|at| !(before..*next).contains(at));
        if *next < before {
            let what = format!("{} moved back from {before} to {next}", lease.resource);
            return Err((Invariant::Positions, what));
        }
        // Where records were lost, others may have come to their places.
        let mark_at = |at| self.marks.get(&(*topic, *partition, at)).filter(|_| !lossy);
        let event_at = |at| mark_at(at).and_then(|mark| mark.event);
        if moved.covers(before, event_at) {
            return Ok(());
        }
        let what = format!(
            "{} moved from {before} to {next} with {:?}, and set {:?} aside",
            lease.resource, moved.made, moved.letters
        );
        Err((Invariant::Positions, what))
    }

    /// Whether the lease is the newest, and was not given up.
    pub(super) fn fenced(&self, lease: &PartitionLease) -> Result<(), Wrong> {
        let held = self.held.get(&lease.resource);
        let (epoch, released) = held.map_or((0, false), |held| (held.epoch, held.released));
        if lease.epoch == epoch && !released {
            return Ok(());
        }
        let what = format!(
            "{} took effects of epoch {}, it is at {epoch}{}",
            lease.resource,
            lease.epoch,
            if released { ", given up" } else { "" }
        );
        Err((Invariant::Fencing, what))
    }

    /// Records were lost: where the partition ends now.
    pub(super) fn lost(&mut self, topic: Topic, partition: Partition, next: u64) {
        self.lossy.insert((topic, partition));
        self.ends.insert((topic, partition), next);
        self.at((topic, partition)).for_each(|held| held.owed.retain(|at| *at < next));
    }

    /// Records were dropped: where the partition begins now.
    pub(super) fn dropped(&mut self, topic: Topic, partition: Partition, earliest: u64) {
        self.at((topic, partition)).for_each(|held| held.owed.retain(|at| *at >= earliest));
    }

    /// What is known of those who read a partition.
    fn at(&mut self, place: (Topic, Partition)) -> impl Iterator<Item = &mut Held> {
        let held = self.held.iter_mut().filter(move |(resource, _)| match resource {
            Resource::Partition { topic, partition, .. } => (*topic, *partition) == place,
            Resource::Lane(_) | Resource::MemoryLane(_) => false,
        });
        held.map(|(_, held)| held)
    }

    /// Records were appended from offset `first` on.
    pub(super) fn grew(
        &mut self,
        topic: Topic,
        partition: Partition,
        first: u64,
        records: &[Mark],
    ) {
        let next = first + records.len() as u64;
        self.ends.insert((topic, partition), next);
        if let Some(group) = reader(topic) {
            // Also if nobody ever read there: it is behind until somebody does.
            self.held
                .entry(Resource::Partition { group: group.into(), topic, partition })
                .or_default();
        }
        if reader(topic).is_some() {
            let others = self.note(topic, partition, first, records);
            for held in self.at((topic, partition)) {
                held.owed.extend(others.range(..held.position));
            }
        }
    }

    /// Takes note of what records say. Answers at which offsets that is another thing than what was
    /// there before, if anything was: a record that is published again, whole, hides nothing.
    fn note(
        &mut self,
        topic: Topic,
        partition: Partition,
        first: u64,
        records: &[Mark],
    ) -> BTreeSet<u64> {
        let places = (first..).zip(records);
        let others = places.filter(|(at, mark)| {
            let before = self.marks.insert((topic, partition, *at), **mark);
            before.is_none_or(|before| before.digest != mark.digest)
        });
        others.map(|(at, _)| at).collect()
    }

    /// Whether nothing was ever lost of a topic.
    pub(super) fn is_whole(&self, topic: Topic) -> bool {
        !self.lossy.iter().any(|(lossy, _)| *lossy == topic)
    }

    /// A record that came to a place that had been passed, and was not ingested, if there is one.
    pub(super) fn unseen(&self) -> Option<(&Resource, u64)> {
        let mut held = self.held.iter();
        held.find_map(|(resource, held)| held.owed.first().map(|at| (resource, *at)))
    }

    /// A partition that is behind, if one is, with its position and where it ends.
    pub(super) fn behind(&self) -> Option<(&Resource, u64, u64)> {
        let mut held = self.held.iter();
        held.find_map(|(resource, held)| {
            let Resource::Partition { topic, partition, .. } = resource else { return None };
            let end = self.ends.get(&(*topic, *partition)).copied().unwrap_or_default();
            (held.position != end).then_some((resource, held.position, end))
        })
    }
}

/// The group that reads a topic, if one does.
pub(super) const fn reader(topic: Topic) -> Option<&'static str> {
    match topic {
        Topic::ConversationInbound | Topic::ToolResults => Some(Unit::Worker.name()),
        Topic::ToolRequests => Some(Unit::Executor.name()),
        Topic::MemoryWal => Some(Unit::Replicator.name()),
        // Tailed by every gateway, or read by nobody.
        Topic::ConversationOutbound
        | Topic::ConfigUpdates
        | Topic::ConversationInboundDlq
        | Topic::ConversationOutboundDlq
        | Topic::ToolRequestsDlq
        | Topic::ToolResultsDlq
        | Topic::MemoryWalDlq
        | Topic::ConfigUpdatesDlq => None,
    }
}
