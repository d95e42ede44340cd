//! Publishes what commits left in the outbox: each lane by one relay at a time, which reads all of
//! its lanes at once and publishes to partitions side by side.

mod partitions;
mod publish;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::select;

use super::run_concurrently::run_concurrently;
use super::shares::Shares;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::observe::{self, SetAside};
use crate::outbox::backoff::Backoff;
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::outbox::partition::partition_of;
use crate::ports::outbox::{SettledRow, Settlement};
use crate::ports::world::Waiter;
use crate::ports::{Leases, Log, Notification, Outbox, PortResult};
use crate::work::lease::{PartitionLease, Resource};
use partitions::{Partitions, TopicPartition};
use publish::{Batch, Outcome};

const BATCH: usize = 500;
/// How often a relay that was not notified looks.
const LOOK: Duration = Duration::from_millis(500);
/// How long a round waits for the partitions that it publishes to. It settles what those have that
/// answer in time; the others are settled once they answer, and hold up nobody.
const PATIENCE: Duration = Duration::from_millis(100);
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(1) };

/// Relays the outbox to the log.
#[derive(Clone)]
pub struct RelayOutbox {
    outbox: Arc<dyn Outbox>,
    leases: Arc<dyn Leases>,
    log: Arc<dyn Log>,
    world: World,
}

/// What a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// As much as it asked for: there may be more.
    Full,
    /// All there is.
    Last,
}

impl RelayOutbox {
    /// Builds the use case.
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
        let mut partitions = Partitions::default();
        let mut failures = 0;
        while !stop.is_set() {
            match self.round(shares, &mut partitions).await {
                Ok(Page::Full) => failures = 0,
                Ok(Page::Last) => {
                    failures = 0;
                    self.rest(&mut partitions, &mut *waiter, shares, stop).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "relaying is tried again");
                    partitions.rewind();
                    let wait = BACKOFF.wait(failures, self.world.ids.random());
                    self.world.pause(wait, stop).await;
                }
            }
        }
    }

    /// Publishes the next rows of the lanes that are held, and settles what was published.
    async fn round<'a>(
        &'a self,
        shares: &Shares,
        partitions: &mut Partitions<'a>,
    ) -> PortResult<Page> {
        partitions.look(shares.held(), self.world.clock.now());
        let page = self.read(partitions).await?;
        partitions.wait_for_outcomes(&*self.world.timer, PATIENCE).await;
        let mut published = Vec::new();
        for outcome in partitions.take_outcomes() {
            published.extend(self.note(partitions, outcome));
        }
        self.settle(shares, published).await?;
        Ok(page)
    }

    /// Reads rows, and begins to publish those whose partition is free.
    async fn read<'a>(&'a self, partitions: &mut Partitions<'a>) -> PortResult<Page> {
        let held = partitions.held();
        let lanes: Vec<Lane> = held.keys().copied().collect();
        if lanes.is_empty() {
            return Ok(Page::Last);
        }
        let rows = self.outbox.read(&lanes, partitions.read_to(), BATCH).await?;
        let page = if rows.len() == BATCH { Page::Full } else { Page::Last };
        let mut batches: Vec<Batch> = Vec::new();
        let last = rows.last().map(|row| row.id);
        for row in rows {
            let Some(lease) = held.get(&row.lane) else { continue };
            let target = self.target(&row);
            if !partitions.is_free(target) {
                continue;
            }
            match batches.iter_mut().find(|batch| batch.target == target) {
                Some(batch) => batch.rows.push((lease.clone(), row)),
                None => batches.push(Batch { target, rows: vec![(lease.clone(), row)] }),
            }
        }
        partitions.read(last);
        for batch in batches {
            partitions.begin(batch.target, self.publish(batch).boxed());
        }
        Ok(page)
    }

    /// Where a row goes: its messages have one topic and one key. A row without any goes nowhere.
    fn target(&self, row: &OutboxRow) -> Option<TopicPartition> {
        let message = row.messages.first()?;
        let partition = partition_of(&message.key, self.log.partitions(message.topic));
        Some((message.topic, partition))
    }

    /// Notes how publishing to a partition went. Returns the rows that are done with.
    fn note(
        &self,
        partitions: &mut Partitions<'_>,
        outcome: Outcome,
    ) -> Vec<(PartitionLease, SettledRow)> {
        let Outcome { target, done, error } = outcome;
        match error {
            None => partitions.succeeded(target),
            Some(error) => {
                let failures = partitions.failures(target) + 1;
                let wait = BACKOFF.wait(failures, self.world.ids.random());
                let (topic, partition) = target.unzip();
                tracing::warn!(%error, ?topic, partition, failures, "publishing is tried again");
                partitions.failed(target, failures, self.world.clock.now() + wait);
            }
        }
        done
    }

    async fn settle(
        &self,
        shares: &Shares,
        done: Vec<(PartitionLease, SettledRow)>,
    ) -> PortResult<()> {
        let mut settlements: Vec<Settlement> = Vec::new();
        for (lease, row) in done {
            match settlements.iter_mut().find(|settlement| settlement.lease == lease) {
                Some(settlement) => settlement.rows.push(row),
                None => settlements.push(Settlement { lease, rows: vec![row] }),
            }
        }
        if settlements.is_empty() {
            return Ok(());
        }
        let held = self.outbox.settle(&settlements).await?;
        for (settlement, held) in settlements.iter().zip(held) {
            if held {
                let dead = settlement.rows.iter().flat_map(|row| &row.dead);
                dead.for_each(|letter| observe::dead_letter(letter, SetAside::Unpublishable));
            } else {
                shares.drop_lease(&settlement.lease);
            }
        }
        Ok(())
    }

    /// Waits until there may be something to do.
    async fn rest(
        &self,
        partitions: &mut Partitions<'_>,
        waiter: &mut dyn Waiter,
        shares: &Shares,
        stop: &Stop,
    ) {
        let look =
            partitions.next_retry(self.world.clock.now()).map_or(LOOK, |wait| wait.min(LOOK));
        let pause = pin!(self.world.pause(look, stop));
        let (grown, outcome) = (pin!(shares.grown()), pin!(partitions.next_outcome()));
        select(select(select(waiter.wait(), grown), outcome), pause).await;
    }
}

crate::opaque_debug!(RelayOutbox);
