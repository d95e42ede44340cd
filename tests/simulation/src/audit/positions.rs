//! Who holds which partition and lane, where the positions are, and what was published.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::outbox::message::{OutboxRow, Record};
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::Positioned;
use soma_core::work::lease::{PartitionLease, Resource};

use super::Invariant;

type Wrong = (Invariant, String);

#[derive(Debug, Default)]
struct Held {
    epoch: u64,
    position: u64,
}

/// A row of the outbox that a relay has seen.
#[derive(Debug)]
struct Row {
    topic: Topic,
    key: String,
    dedupe: String,
}

/// Positions and publications.
#[derive(Debug, Default)]
pub(super) struct Positions {
    held: BTreeMap<Resource, Held>,
    ends: BTreeMap<(Topic, Partition), u64>,
    /// Partitions that lost records.
    lossy: BTreeSet<(Topic, Partition)>,
    rows: BTreeMap<u64, Row>,
    row_of: BTreeMap<(Topic, String), u64>,
    published: BTreeSet<(Topic, String)>,
    /// The newest row that was published of a key.
    newest: BTreeMap<(Topic, String), u64>,
}

impl Positions {
    pub(super) fn acquired(&mut self, lease: &PartitionLease) -> Result<(), Wrong> {
        let held = self.held.entry(lease.resource.clone()).or_default();
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

    /// A batch took effect: so many records and dead letters.
    pub(super) fn moved(
        &mut self,
        lease: &PartitionLease,
        next: u64,
        records: usize,
        dead: usize,
    ) -> Result<(), Wrong> {
        self.fenced(lease)?;
        let lossy = matches!(&lease.resource, Resource::Partition { topic, partition, .. }
            if self.lossy.contains(&(*topic, *partition)));
        let held = self.held.entry(lease.resource.clone()).or_default();
        let before = std::mem::replace(&mut held.position, next);
        if lossy {
            return Ok(());
        }
        if next < before {
            let what = format!("{} moved back from {before} to {next}", lease.resource);
            return Err((Invariant::Positions, what));
        }
        if next - before != (records + dead) as u64 {
            let what = format!(
                "{} moved from {before} to {next} with {records} records and {dead} dead letters",
                lease.resource
            );
            return Err((Invariant::Positions, what));
        }
        Ok(())
    }

    fn fenced(&self, lease: &PartitionLease) -> Result<(), Wrong> {
        let epoch = self.held.get(&lease.resource).map_or(0, |held| held.epoch);
        if lease.epoch == epoch {
            return Ok(());
        }
        let what = format!("{} took effects of {}, it is at {epoch}", lease.resource, lease.epoch);
        Err((Invariant::Fencing, what))
    }

    pub(super) fn lost(&mut self, topic: Topic, partition: Partition, records: &[Positioned]) {
        if !records.is_empty() {
            self.lossy.insert((topic, partition));
        }
    }

    /// The tail was cut, or grew: where the partition ends.
    pub(super) fn ends_at(&mut self, topic: Topic, partition: Partition, next: u64) {
        self.ends.insert((topic, partition), next);
    }

    /// Whether nothing was ever lost of a topic.
    pub(super) fn is_whole(&self, topic: Topic) -> bool {
        !self.lossy.iter().any(|(lossy, _)| *lossy == topic)
    }

    pub(super) fn read(&mut self, rows: &[OutboxRow]) {
        for row in rows {
            if self.rows.contains_key(&row.id) {
                continue;
            }
            let message = &row.message;
            let dedupe = message.dedupe_key.to_string();
            self.row_of.insert((message.topic, dedupe.clone()), row.id);
            let seen = Row { topic: message.topic, key: message.key.clone(), dedupe };
            self.rows.insert(row.id, seen);
        }
    }

    /// Records were published.
    pub(super) fn published(&mut self, topic: Topic, records: &[Record]) -> Result<(), Wrong> {
        for record in records {
            let Some(dedupe) = record.header("event_id") else { continue };
            if !self.published.insert((topic, dedupe.to_owned())) {
                continue;
            }
            let Some(row) = self.row_of.get(&(topic, dedupe.to_owned())) else { continue };
            let newest = self.newest.entry((topic, record.key.clone())).or_default();
            let before = std::mem::replace(newest, (*newest).max(*row));
            if *row < before {
                let what = format!("row {row} of {} came after row {before}", record.key);
                return Err((Invariant::Order, what));
            }
        }
        Ok(())
    }

    /// Rows were deleted.
    pub(super) fn settled(&mut self, lease: &PartitionLease, ids: &[u64]) -> Result<(), Wrong> {
        self.fenced(lease)?;
        for id in ids {
            let Some(row) = self.rows.get(id) else { continue };
            if !self.published.contains(&(row.topic, row.dedupe.clone())) {
                let what = format!("row {id} of {} was deleted, never published", row.key);
                return Err((Invariant::NothingLost, what));
            }
        }
        Ok(())
    }

    /// A partition that is behind, if one is.
    pub(super) fn behind(&self) -> Option<String> {
        let mut held = self.held.iter();
        held.find_map(|(resource, held)| {
            let Resource::Partition { topic, partition, .. } = resource else { return None };
            let end = self.ends.get(&(*topic, *partition)).copied().unwrap_or_default();
            (held.position != end).then(|| format!("{resource} is at {} of {end}", held.position))
        })
    }
}
