//! The log, seen by the auditor.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortResult};

use super::Audit;
use super::positions::Mark;

/// A log whose every publication the auditor sees.
pub struct AuditedLog<L> {
    inner: Arc<L>,
    audit: Arc<Audit>,
}

impl<L> AuditedLog<L> {
    /// The log `inner`.
    pub const fn new(inner: Arc<L>, audit: Arc<Audit>) -> Self {
        Self { inner, audit }
    }
}

#[async_trait]
impl<L> Log for AuditedLog<L>
where
    L: Log,
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
        {
            let mut books = self.audit.books();
            if let Err((invariant, what)) = books.publications.published(topic, &records) {
                books.violate(invariant, what);
            }
        }
        let marks: Vec<_> = records.iter().map(Mark::of).collect();
        let first = self.inner.publish(topic, partition, records).await?;
        self.audit.books().positions.grew(topic, partition, first, &marks);
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
        self.inner.fetch(topic, partition, offset, max_bytes, wait).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds> {
        self.inner.bounds(topic, partition).await
    }
}

soma_core::opaque_debug!(AuditedLog<L>);
