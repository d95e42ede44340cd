//! A log whose partitions stand still, lose their head to retention, or their tail with a broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Clock, Log, PortError, PortResult, Timer};
use soma_core::time::Timestamp;

type Place = (Topic, Partition);

/// The broker of a partition was lost while it was asked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the broker of the partition was lost")]
struct BrokerLost;

/// A log in which more goes wrong than in calls of it.
pub struct SimulatedLog<L: ?Sized> {
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    places: Mutex<BTreeMap<Place, Trouble>>,
    inner: Arc<L>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Trouble {
    /// Until when nothing goes in or out.
    stalled: Option<Timestamp>,
    /// How often its broker was lost.
    lost: u64,
}

impl<L> SimulatedLog<L>
where
    L: Log + ?Sized,
{
    /// The log `inner`; partitions that stand still are waited for by `timer`.
    pub fn new(inner: Arc<L>, clock: Arc<dyn Clock>, timer: Arc<dyn Timer>) -> Self {
        Self { clock, timer, places: Mutex::default(), inner }
    }

    /// Nothing goes into the partition or comes out of it for so long.
    pub fn stall(&self, topic: Topic, partition: Partition, span: Duration) {
        let until = self.clock.now() + span;
        self.places().entry((topic, partition)).or_default().stalled = Some(until);
    }

    /// The broker of the partition is lost: whoever waits for records there fails.
    pub fn lose_broker(&self, topic: Topic, partition: Partition) {
        self.places().entry((topic, partition)).or_default().lost += 1;
    }

    /// Nothing stands still any more.
    pub fn calm(&self) {
        self.places().values_mut().for_each(|trouble| trouble.stalled = None);
    }

    async fn wait(&self, place: Place) -> u64 {
        loop {
            let trouble = self.places().get(&place).copied().unwrap_or_default();
            let now = self.clock.now();
            let Some(until) = trouble.stalled.filter(|until| *until > now) else {
                return trouble.lost;
            };
            self.timer.sleep(until.since(now)).await;
        }
    }

    fn still(&self, place: Place, lost: u64) -> PortResult<()> {
        let now = self.places().get(&place).copied().unwrap_or_default().lost;
        if now == lost { Ok(()) } else { Err(PortError::Unavailable(Box::new(BrokerLost))) }
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Trouble>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<L> Log for SimulatedLog<L>
where
    L: Log + ?Sized,
{
    fn partitions(&self, topic: Topic) -> u32 {
        self.inner.partitions(topic)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        self.wait((topic, partition)).await;
        self.inner.publish(topic, partition, records).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        let place = (topic, partition);
        let lost = self.wait(place).await;
        let fetched = self.inner.fetch(topic, partition, offset, max_bytes, wait).await?;
        self.still(place, lost)?;
        Ok(fetched)
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.wait((topic, partition)).await;
        self.inner.bounds(topic, partition).await
    }
}

soma_core::opaque_debug!(SimulatedLog<L: ?Sized>);
