//! Publishes what commits left in the outbox: each lane in order, by one relay at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, select};

use super::run_concurrently::run_concurrently;
use super::shares::Shares;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::observe::{self, SetAside};
use crate::outbox::backoff::Backoff;
use crate::outbox::dead::DeadLetter;
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::outbox::partition::{Partition, partition_of};
use crate::outbox::topic::Topic;
use crate::ports::{Leases, Log, Notification, Outbox, PortError, PortResult};
use crate::work::lease::{PartitionLease, Resource};

const BATCH: usize = 500;
/// How often a relay that was not notified looks.
const LOOK: Duration = Duration::from_millis(500);
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(5) };

/// Relays the outbox to the log.
#[derive(Clone)]
pub struct RelayOutbox {
    outbox: Arc<dyn Outbox>,
    leases: Arc<dyn Leases>,
    log: Arc<dyn Log>,
    world: World,
}

/// How a lane was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Empty,
    More,
    Lost,
}

impl RelayOutbox {
    /// Puts the use case together.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        leases: Arc<dyn Leases>,
        log: Arc<dyn Log>,
        world: World,
    ) -> Self {
        Self { outbox, leases, log, world }
    }

    /// Relays this instance's share of the lanes until `stop`.
    pub async fn run(&self, stop: &Stop) {
        let owner = OwnerId::from_uuid(self.world.ids.uuid());
        let lanes = Lane::all().map(Resource::Lane).collect();
        let shares = Shares::new("outbox-sync", owner, lanes);
        let keeping = shares.keep(&*self.leases, &self.world, stop).boxed();
        run_concurrently([keeping, self.relay(&shares, stop).boxed()]).await;
    }

    async fn relay(&self, shares: &Shares, stop: &Stop) {
        let mut waiter = self.world.wake.waiter(Notification::Outbox);
        let mut failures = 0;
        while !stop.is_set() {
            match self.drain(shares).await {
                Ok(Left::More) => failures = 0,
                Ok(Left::Empty | Left::Lost) => {
                    failures = 0;
                    let look = pin!(self.world.pause(LOOK, stop));
                    select(select(waiter.wait(), pin!(shares.grown())), look).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "publishing is tried again");
                    let wait = BACKOFF.wait(failures, self.world.ids.random());
                    self.world.pause(wait, stop).await;
                }
            }
        }
    }

    /// Relays what waits in the lanes that are held.
    async fn drain(&self, shares: &Shares) -> PortResult<Left> {
        let mut held = shares.held();
        if held.is_empty() {
            return Ok(Left::Empty);
        }
        let waiting = self.outbox.lanes().await?;
        held.retain(|lease| match lease.resource {
            Resource::Lane(lane) => waiting.contains(&lane),
            Resource::Partition { .. } => false,
        });
        let lanes = join_all(held.iter().map(|lease| self.lane(lease))).await;
        let mut left = Left::Empty;
        let mut failed = None;
        for (lease, outcome) in held.iter().zip(lanes) {
            match outcome {
                Ok(Left::Empty) => {}
                Ok(Left::More) => left = Left::More,
                Ok(Left::Lost) => shares.drop_lease(lease),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(left), Err)
    }

    async fn lane(&self, lease: &PartitionLease) -> PortResult<Left> {
        let Resource::Lane(lane) = lease.resource else { return Ok(Left::Lost) };
        let rows = self.outbox.read(lane, BATCH).await?;
        if rows.is_empty() {
            return Ok(Left::Empty);
        }
        let full = rows.len() == BATCH;
        for group in self.groups(rows) {
            if !self.publish(lease, group).await? {
                return Ok(Left::Lost);
            }
        }
        Ok(if full { Left::More } else { Left::Empty })
    }

    /// The rows by partition, in their order.
    fn groups(&self, rows: Vec<OutboxRow>) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for row in rows {
            let topic = row.message.topic;
            let partition = partition_of(&row.message.key, self.log.partitions(topic));
            match groups.iter_mut().find(|g| g.topic == topic && g.partition == partition) {
                Some(group) => group.rows.push(row),
                None => groups.push(Group { topic, partition, rows: vec![row] }),
            }
        }
        groups
    }

    /// Publishes and settles. Answers whether the lane is still held.
    async fn publish(&self, lease: &PartitionLease, group: Group) -> PortResult<bool> {
        // Not when they were committed: what is published again is to be told from what was there.
        let at = self.world.clock.now();
        let records = group.rows.iter().map(|row| row.message.record(at)).collect();
        match self.log.publish(group.topic, group.partition, records).await {
            Ok(_) => {
                observe::published("success");
                let ids: Vec<u64> = group.rows.iter().map(|row| row.id).collect();
                self.outbox.settle(lease, &ids).await
            }
            Err(error @ PortError::Broken { .. }) if group.rows.len() == 1 => {
                observe::published("failed");
                self.dead_letter(lease, &group, &error.to_string()).await
            }
            Err(PortError::Broken { .. }) => {
                for row in group.rows {
                    let one = Group { rows: vec![row], ..group };
                    if !Box::pin(self.publish(lease, one)).await? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Err(error) => {
                observe::published("retry");
                Err(error)
            }
        }
    }

    async fn dead_letter(
        &self,
        lease: &PartitionLease,
        group: &Group,
        error: &str,
    ) -> PortResult<bool> {
        for row in &group.rows {
            let letter = DeadLetter {
                topic: row.message.topic,
                partition: Some(group.partition),
                offset: None,
                key: row.message.key.clone(),
                tenant: Some(row.message.tenant.clone()),
                payload: format!("outbox row {}", row.id),
                error: error.into(),
                at: self.world.clock.now(),
            };
            if !self.outbox.dead_letter(lease, row.id, letter.clone()).await? {
                return Ok(false);
            }
            observe::dead_letter(&letter, SetAside::Unpublishable);
        }
        Ok(true)
    }
}

/// Rows of one lane for one partition.
struct Group {
    topic: Topic,
    partition: Partition,
    rows: Vec<OutboxRow>,
}

crate::opaque_debug!(RelayOutbox);
