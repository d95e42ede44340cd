//! A log, of which only publishing is another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortResult};

/// Decides what becomes of records that are published. Unlike an [`Intercept`](crate::Intercept), it
/// sees them.
#[async_trait]
pub trait Publish: Send + Sync {
    /// Publishes records to `log`, or does something else.
    async fn publish(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64>;
}

/// A log to which `P` publishes.
pub struct PublishedBy<L, P> {
    inner: Arc<L>,
    publish: P,
}

impl<L, P> PublishedBy<L, P> {
    /// Wraps `inner`.
    pub const fn new(inner: Arc<L>, publish: P) -> Self {
        Self { inner, publish }
    }
}

#[async_trait]
impl<L, P> Log for PublishedBy<L, P>
where
    L: Log,
    P: Publish,
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
        self.publish.publish(&*self.inner, topic, partition, records).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched> {
        self.inner.fetch(topic, partition, offset, max_bytes, wait).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.inner.bounds(topic, partition).await
    }
}

soma_core::opaque_debug!(PublishedBy<L, P>);
