//! Consumes a topic for a group: leased partitions, batches applied together with their position.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde_json::json;
use tracing::Span;

use super::run_concurrently::run_concurrently;
use super::shares::Shares;
use super::stop::Stop;
use super::world::World;
use crate::digest::Digest32;
use crate::ids::OwnerId;
use crate::observe::{self, SetAside};
use crate::outbox::dead::{DeadLetter, Headers, Origin};
use crate::outbox::message::Record;
use crate::outbox::partition::Partition;
use crate::outbox::topic::Topic;
use crate::ports::log::{Bounds, Fetched, Positioned};
use crate::ports::{Leases, Log, PortResult};
use crate::spans;
use crate::time::Timestamp;
use crate::unreadable::Unreadable;
use crate::work::ingest::BatchOutcome;
use crate::work::lease::{PartitionLease, Resource};

const MAX_BYTES: usize = 1 << 20;
/// How long a fetch may wait for a record: it is told of each that comes.
const WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// What a batch of records does.
#[async_trait]
pub trait Apply: Send + Sync {
    /// Applies the records of a batch, sets aside what cannot be read together with what is `dead`
    /// already, and moves the position from the lease's to `next_offset`, in one transaction.
    async fn apply(
        &self,
        lease: &PartitionLease,
        next_offset: u64,
        records: &[Positioned],
        dead: Vec<DeadLetter>,
    ) -> PortResult<BatchOutcome>;
}

/// Consumes one topic.
#[derive(Clone)]
pub struct Consume {
    log: Arc<dyn Log>,
    leases: Arc<dyn Leases>,
    apply: Arc<dyn Apply>,
    topic: Topic,
    group: &'static str,
    world: World,
}

impl Consume {
    /// Builds the use case.
    pub fn new(
        log: Arc<dyn Log>,
        leases: Arc<dyn Leases>,
        topic: Topic,
        group: &'static str,
        apply: Arc<dyn Apply>,
        world: World,
    ) -> Self {
        Self { log, leases, apply, topic, group, world }
    }

    /// Consumes this instance's share of the partitions until `stop`.
    pub async fn run(&self, stop: &Stop) {
        let owner = OwnerId::from_uuid(self.world.ids.uuid());
        let partitions = 0..self.log.partitions(self.topic);
        let resources: Vec<Resource> = partitions
            .map(|partition| Resource::Partition {
                group: self.group.into(),
                topic: self.topic,
                partition,
            })
            .collect();
        let member = format!("{}/{}", self.group, self.topic);
        let shares = Shares::new(member, owner, resources.clone());
        let keeping = shares.keep(&*self.leases, &self.world, stop).boxed();
        let reading = resources.iter().map(|resource| self.read(&shares, resource, stop).boxed());
        run_concurrently(std::iter::once(keeping).chain(reading)).await;
    }

    async fn read(&self, shares: &Shares, resource: &Resource, stop: &Stop) {
        // The epoch in which the position was found to be right.
        let mut checked = None;
        while !stop.is_set() {
            let (leased, stopped) = (pin!(shares.lease(resource)), pin!(stop.wait()));
            let Either::Left((lease, _)) = select(leased, stopped).await else { return };
            let wait = if checked == Some(lease.epoch) { WAIT } else { Duration::ZERO };
            match self.step(&lease, wait, stop).await {
                Ok(Some(moved)) => {
                    checked = Some(moved.epoch);
                    shares.moved(moved);
                }
                Ok(None) => shares.drop_lease(&lease),
                Err(error) => {
                    tracing::warn!(%error, %resource, "consuming is tried again");
                    shares.drop_lease(&lease);
                    self.world.pause(PAUSE, stop).await;
                }
            }
        }
    }

    /// One batch. Returns the lease as it is after it; none if it is someone else's.
    async fn step(
        &self,
        lease: &PartitionLease,
        wait: Duration,
        stop: &Stop,
    ) -> PortResult<Option<PartitionLease>> {
        let Resource::Partition { partition, .. } = lease.resource else { return Ok(None) };
        let fetch = self.log.fetch(self.topic, partition, lease.next_offset, MAX_BYTES, wait);
        let stopped = pin!(stop.wait());
        let fetched = match select(fetch, stopped).await {
            Either::Left((fetched, _)) => fetched?,
            Either::Right(_) => return Ok(Some(lease.clone())),
        };
        let (records, unreadable) = match fetched {
            Fetched::Records(records) => (records, None),
            Fetched::Unreadable { offset, found } => (Vec::new(), Some((offset, found))),
            Fetched::OutOfRange(bounds) => {
                return self.start_again(lease, bounds, "the position is outside the log").await;
            }
        };
        if !self.is_where_it_was(lease, partition).await? {
            let bounds = self.log.bounds(self.topic, partition).await?;
            let error = "the log no longer has the record before the position";
            return self.start_again(lease, bounds, error).await;
        }
        if let Some((offset, found)) = unreadable {
            return self.set_aside(lease, offset, found).await;
        }
        match records.last() {
            Some(last) => self.move_to(lease, last.offset + 1, &records, Vec::new()).await,
            None => Ok(Some(lease.clone())),
        }
    }

    /// Sets aside what cannot be read, and goes on after it.
    async fn set_aside(
        &self,
        lease: &PartitionLease,
        offset: u64,
        found: Unreadable,
    ) -> PortResult<Option<PartitionLease>> {
        let nothing_there = found.raw.is_empty();
        let mut letter = self.letter(lease, offset, found.raw, &found.error);
        if nothing_there {
            letter.origin = Origin::State;
        }
        let moved = self.move_to(lease, offset + 1, &[], vec![letter.clone()]).await?;
        if moved.is_some() {
            observe::dead_letter(&letter, SetAside::Unreadable);
        }
        Ok(moved)
    }

    /// Whether the log still has the record that was applied last. If it was cut and grew again, new
    /// records may be below the position: it is asked with each batch, and else after each wait.
    async fn is_where_it_was(
        &self,
        lease: &PartitionLease,
        partition: Partition,
    ) -> PortResult<bool> {
        let (Some(last), Some(before)) = (lease.last, lease.next_offset.checked_sub(1)) else {
            return Ok(true);
        };
        let fetched = self.log.fetch(self.topic, partition, before, 1, Duration::ZERO).await?;
        Ok(match fetched {
            Fetched::Records(records) => {
                records.first().is_some_and(|found| found.record.digest() == last)
            }
            // It was a record when it was applied.
            Fetched::Unreadable { .. } => false,
            // What retention dropped cannot be compared.
            Fetched::OutOfRange(bounds) => before < bounds.earliest,
        })
    }

    /// Goes on from the earliest record, and sets aside that some are missing. What was applied
    /// before is applied again, which changes nothing: work that has arrived stays where it is, a
    /// row that is there is skipped, and a dead letter is kept once.
    async fn start_again(
        &self,
        lease: &PartitionLease,
        bounds: Bounds,
        error: &str,
    ) -> PortResult<Option<PartitionLease>> {
        let gap = self.gap(lease, bounds, error);
        let moved = self.move_to(lease, bounds.earliest, &[], vec![gap.clone()]).await?;
        if moved.is_some() {
            observe::dead_letter(&gap, SetAside::RecordsMissing);
        }
        Ok(moved)
    }

    async fn move_to(
        &self,
        lease: &PartitionLease,
        next_offset: u64,
        records: &[Positioned],
        dead: Vec<DeadLetter>,
    ) -> PortResult<Option<PartitionLease>> {
        let process = |place: &Positioned| {
            let parent = place.record.trace();
            spans::process(self.topic, self.group, place.offset, parent.as_ref())
        };
        let spans: Vec<Span> = records.iter().map(process).collect();
        let applied = self.apply.apply(lease, next_offset, records, dead).await;
        if applied.is_err() {
            for span in &spans {
                spans::failed(span, "unavailable");
            }
        }
        drop(spans);
        Ok(match applied? {
            BatchOutcome::Applied | BatchOutcome::AlreadyDone => {
                Some(PartitionLease { next_offset, last: last_of(records), ..lease.clone() })
            }
            BatchOutcome::Fenced => None,
        })
    }

    /// What is set aside when records are missing.
    fn gap(&self, lease: &PartitionLease, bounds: Bounds, error: &str) -> DeadLetter {
        let Bounds { earliest, next } = bounds;
        let position = lease.next_offset;
        let value = json!({"position": position, "earliest": earliest, "next": next}).to_string();
        DeadLetter { origin: Origin::State, ..self.letter(lease, position, value, error) }
    }

    /// A dead letter about an offset that has no record.
    fn letter(
        &self,
        lease: &PartitionLease,
        offset: u64,
        value: String,
        error: &str,
    ) -> DeadLetter {
        let at = self.world.clock.now();
        let (key, value, headers) = (String::new(), value.into_bytes().into(), BTreeMap::new());
        let record = Record { key, value, headers, at }.into();
        dead_letter(lease, &Positioned { offset, record }, error, at)
    }
}

crate::opaque_debug!(Consume);

/// The digest of the last of some records.
pub(super) fn last_of(records: &[Positioned]) -> Option<Digest32> {
    records.last().map(|place| place.record.digest())
}

/// Tells what was set aside of a batch that was applied.
pub(super) fn tell_unreadable(unreadable: &[DeadLetter], outcome: BatchOutcome) {
    if outcome == BatchOutcome::Applied {
        for letter in unreadable {
            observe::dead_letter(letter, SetAside::Unreadable);
        }
    }
}

/// A record as a dead letter; what is too long is cut.
pub(super) fn dead_letter(
    lease: &PartitionLease,
    place: &Positioned,
    error: &str,
    at: Timestamp,
) -> DeadLetter {
    let (topic, partition) = match &lease.resource {
        Resource::Partition { topic, partition, .. } => (*topic, Some(*partition)),
        Resource::Lane(_) => (Topic::ConversationOutbound, None),
        Resource::MemoryLane(_) => (Topic::MemoryWal, None),
    };
    let Positioned { offset, record } = place;
    let (payload, origin) = Origin::message(&record.value, Headers::of(record));
    DeadLetter {
        topic,
        partition,
        offset: Some(*offset),
        key: record.key.clone(),
        tenant: record.header("tenant").and_then(|tenant| tenant.parse().ok()),
        payload,
        error: error.into(),
        at,
        origin,
    }
}
