//! The partitions that a relay publishes to: at most one publish under way to each, and none to one
//! that failed until it is tried again. What waits for a partition waits in the outbox, and holds up
//! no other.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;

use super::publish::Outcome;
use crate::outbox::lane::Lane;
use crate::outbox::partition::Partition;
use crate::outbox::topic::Topic;
use crate::ports::Timer;
use crate::time::Timestamp;
use crate::work::lease::{PartitionLease, Resource};

/// A partition.
pub(super) type TopicPartition = (Topic, Partition);

/// How a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Something is published to it; whether rows for it were passed over meanwhile.
    Busy { failures: u32, passed_over: bool },
    /// It failed, and is tried again then.
    Failing { failures: u32, until: Timestamp },
    /// It failed, and may be tried again.
    Due { failures: u32 },
}

/// Every partition that is busy or failed, and how far the outbox was read.
#[derive(Default)]
pub(super) struct Partitions<'a> {
    statuses: BTreeMap<Option<TopicPartition>, Status>,
    in_flight: FuturesUnordered<BoxFuture<'a, Outcome>>,
    outcomes: Vec<Outcome>,
    held: BTreeMap<Lane, PartitionLease>,
    /// Every row up to this one was looked at, and those that are left wait for a partition that is
    /// not free.
    read_to: u64,
    passed_over: bool,
}

impl<'a> Partitions<'a> {
    /// Looks which lanes are held now, and which partitions may be tried again.
    pub(super) fn look(&mut self, leases: Vec<PartitionLease>, now: Timestamp) {
        let of_lane = |lease: PartitionLease| match lease.resource {
            Resource::Lane(lane) => Some((lane, lease)),
            Resource::Partition { .. } | Resource::MemoryLane(_) => None,
        };
        let held = leases.into_iter().filter_map(of_lane).collect();
        let mut rewind = self.held != held;
        self.held = held;
        for status in self.statuses.values_mut() {
            if let Status::Failing { failures, until } = *status
                && until <= now
            {
                *status = Status::Due { failures };
                rewind = true;
            }
        }
        if rewind {
            self.rewind();
        }
    }

    /// The lanes that are held.
    pub(super) fn held(&self) -> BTreeMap<Lane, PartitionLease> {
        self.held.clone()
    }

    /// Whether something may be published to a partition. If not, what waits for it is passed over.
    pub(super) fn is_free(&mut self, target: Option<TopicPartition>) -> bool {
        match self.statuses.get_mut(&target) {
            None | Some(Status::Due { .. }) => true,
            Some(Status::Busy { passed_over, .. }) => {
                *passed_over = true;
                self.passed_over = true;
                false
            }
            Some(Status::Failing { .. }) => {
                self.passed_over = true;
                false
            }
        }
    }

    /// Above which row the outbox is to be read.
    pub(super) const fn read_to(&self) -> u64 {
        self.read_to
    }

    /// The outbox was read up to a row.
    pub(super) fn read(&mut self, last: Option<u64>) {
        // While nothing was passed over the rows leave, and reading begins with the oldest.
        if self.passed_over {
            self.read_to = last.unwrap_or(self.read_to);
        }
    }

    /// Reading begins with the oldest row again.
    pub(super) const fn rewind(&mut self) {
        self.read_to = 0;
        self.passed_over = false;
    }

    /// Something is published to a partition that is free.
    pub(super) fn begin(
        &mut self,
        target: Option<TopicPartition>,
        publish: BoxFuture<'a, Outcome>,
    ) {
        let failures = self.failures(target);
        self.statuses.insert(target, Status::Busy { failures, passed_over: false });
        self.in_flight.push(publish);
    }

    /// Waits until nothing is under way any more, at most for `patience`.
    pub(super) async fn wait_for_outcomes(&mut self, timer: &dyn Timer, patience: Duration) {
        if self.in_flight.is_empty() {
            return;
        }
        let mut over = timer.sleep(patience);
        while !self.in_flight.is_empty() {
            match select(self.in_flight.next(), over).await {
                Either::Left((outcome, rest)) => {
                    self.outcomes.extend(outcome);
                    over = rest;
                }
                Either::Right(_) => return,
            }
        }
    }

    /// Waits until something has ended that is under way.
    pub(super) async fn next_outcome(&mut self) {
        match self.in_flight.next().await {
            Some(outcome) => self.outcomes.push(outcome),
            None => pending().await,
        }
    }

    /// What has ended since the last time.
    pub(super) fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// How often in a row publishing to a partition failed.
    pub(super) fn failures(&self, target: Option<TopicPartition>) -> u32 {
        match self.statuses.get(&target) {
            Some(
                Status::Busy { failures, .. }
                | Status::Failing { failures, .. }
                | Status::Due { failures },
            ) => *failures,
            None => 0,
        }
    }

    /// All of it was published.
    pub(super) fn succeeded(&mut self, target: Option<TopicPartition>) {
        if let Some(Status::Busy { passed_over: true, .. }) = self.statuses.remove(&target) {
            self.rewind();
        }
    }

    /// Not all of it was published.
    pub(super) fn failed(
        &mut self,
        target: Option<TopicPartition>,
        failures: u32,
        until: Timestamp,
    ) {
        self.statuses.insert(target, Status::Failing { failures, until });
    }

    /// How long until a partition that failed may be tried again.
    pub(super) fn next_retry(&self, now: Timestamp) -> Option<Duration> {
        let until = self.statuses.values().filter_map(|status| match status {
            Status::Failing { until, .. } => Some(until.since(now)),
            Status::Busy { .. } | Status::Due { .. } => None,
        });
        until.min()
    }
}
