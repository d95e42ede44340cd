//! The log, seen by the auditor.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::outbox::message::Record;
use soma_core::outbox::partition::Partition;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{Log, PortResult};
use soma_decorators::{Publish, PublishedBy};

use super::Audit;
use super::positions::Mark;

/// A log whose every publication the auditor sees.
pub type AuditedLog<L> = PublishedBy<L, Auditing>;

/// Shows the auditor what is published.
#[derive(Clone)]
pub struct Auditing(Arc<Audit>);

impl Auditing {
    /// Shows it to `audit`.
    pub const fn of(audit: Arc<Audit>) -> Self {
        Self(audit)
    }
}

#[async_trait]
impl Publish for Auditing {
    async fn publish(
        &self,
        log: &dyn Log,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64> {
        {
            let mut books = self.0.books();
            if let Err((invariant, what)) = books.publications.published(topic, &records) {
                books.violate(invariant, what);
            }
        }
        let marks: Vec<_> = records.iter().map(Mark::of).collect();
        let first = log.publish(topic, partition, records).await?;
        self.0.books().positions.grew(topic, partition, first, &marks);
        Ok(first)
    }
}

soma_core::opaque_debug!(Auditing);
