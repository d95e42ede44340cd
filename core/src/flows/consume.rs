//! Consumes a topic for a group: leased partitions, batches applied together with their position.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, join, join_all, select};

use super::shares::Shares;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::outbox::dead::DeadLetter;
use crate::outbox::message::Record;
use crate::outbox::topic::Topic;
use crate::ports::log::{Bounds, Fetched, Positioned};
use crate::ports::{Leases, Log, PortResult};
use crate::time::Timestamp;
use crate::work::ingest::BatchOutcome;
use crate::work::lease::{PartitionLease, Resource};

const MAX_BYTES: usize = 1 << 20;
const WAIT: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(100);
/// The most of a record that a dead letter keeps, in bytes.
const LONGEST_LETTER: usize = 256 * 1024;

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
    /// Puts the use case together.
    pub fn new(
        log: Arc<dyn Log>,
        leases: Arc<dyn Leases>,
        (topic, group): (Topic, &'static str),
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
        let reading = join_all(resources.iter().map(|resource| self.read(&shares, resource, stop)));
        join(shares.keep(&*self.leases, &self.world, stop), reading).await;
    }

    async fn read(&self, shares: &Shares, resource: &Resource, stop: &Stop) {
        while !stop.is_set() {
            let (leased, stopped) = (pin!(shares.lease(resource)), pin!(stop.wait()));
            let Either::Left((lease, _)) = select(leased, stopped).await else { return };
            match self.step(&lease, stop).await {
                Ok(Some(position)) => shares.moved(&lease, position),
                Ok(None) => shares.drop_lease(&lease),
                Err(error) => {
                    tracing::warn!(%error, %resource, "consuming is tried again");
                    shares.drop_lease(&lease);
                    self.world.pause(PAUSE, stop).await;
                }
            }
        }
    }

    /// One batch. Answers the position after it; none if the lease is someone else's.
    async fn step(&self, lease: &PartitionLease, stop: &Stop) -> PortResult<Option<u64>> {
        let Resource::Partition { partition, .. } = lease.resource else { return Ok(None) };
        let from = lease.next_offset;
        let fetch = self.log.fetch(self.topic, partition, from, MAX_BYTES, WAIT);
        let stopped = pin!(stop.wait());
        let fetched = match select(fetch, stopped).await {
            Either::Left((fetched, _)) => fetched?,
            Either::Right(_) => return Ok(Some(from)),
        };
        let (next, outcome) = match fetched {
            Fetched::Records(records) => {
                let Some(last) = records.last() else { return Ok(Some(from)) };
                let next = last.offset + 1;
                (next, self.apply.apply(lease, next, &records, Vec::new()).await?)
            }
            Fetched::OutOfRange(bounds) => {
                let next = bounds.earliest.max(from.min(bounds.next));
                let dead = vec![self.gap(lease, bounds)];
                (next, self.apply.apply(lease, next, &[], dead).await?)
            }
        };
        Ok(match outcome {
            BatchOutcome::Applied | BatchOutcome::AlreadyDone => Some(next),
            BatchOutcome::Fenced => None,
        })
    }

    /// What is set aside when records are gone: the position lies outside the log.
    fn gap(&self, lease: &PartitionLease, bounds: Bounds) -> DeadLetter {
        let error = format!(
            "the position {} is outside the log, which has {} to {}",
            lease.next_offset, bounds.earliest, bounds.next
        );
        tracing::error!(resource = %lease.resource, error, "records are missing");
        let record = Record {
            key: String::new(),
            value: Vec::new(),
            headers: std::collections::BTreeMap::new(),
            at: self.world.clock.now(),
        };
        let place = Positioned { offset: lease.next_offset, record };
        dead_letter(lease, &place, &error, self.world.clock.now())
    }
}

impl fmt::Debug for Consume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consume({}/{})", self.group, self.topic)
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
    };
    let value = &place.record.value;
    let kept = value.get(..LONGEST_LETTER).unwrap_or(value);
    DeadLetter {
        topic,
        partition,
        offset: Some(place.offset),
        key: place.record.key.clone(),
        tenant: place.record.header("tenant").and_then(|tenant| tenant.parse().ok()),
        payload: String::from_utf8_lossy(kept).replace('\0', "\u{fffd}"),
        error: error.into(),
        at,
    }
}
