//! Makes work of the records that arrive: messages and tool results for the worker, requests for
//! the executor.

use std::sync::Arc;

use async_trait::async_trait;

use super::consume::{Apply, dead_letter, last_of, tell_unreadable};
use super::world::World;
use crate::outbox::dead::DeadLetter;
use crate::outbox::topic::Topic;
use crate::outbox::wire::{self, Heading};
use crate::ports::log::Positioned;
use crate::ports::{Notification, PortResult, Work};
use crate::work::ingest::{Arrival, BatchOutcome, WorkBatch};
use crate::work::lease::PartitionLease;

/// Applies records to the work queue.
pub struct IngestWork {
    work: Arc<dyn Work>,
    topic: Topic,
    world: World,
}

impl IngestWork {
    /// Builds the use case, for one topic.
    pub fn new(work: Arc<dyn Work>, topic: Topic, world: World) -> Self {
        Self { work, topic, world }
    }

    fn arrival(&self, lease: &PartitionLease, place: &Positioned, heading: Heading) -> Arrival {
        let now = self.world.clock.now();
        Arrival {
            tenant: heading.tenant,
            session_id: heading.session_id,
            subject: heading.subject,
            otherwise: dead_letter(lease, place, "its subject is not known here", now),
        }
    }
}

#[async_trait]
impl Apply for IngestWork {
    async fn apply(
        &self,
        lease: &PartitionLease,
        next_offset: u64,
        records: &[Positioned],
        mut dead: Vec<DeadLetter>,
    ) -> PortResult<BatchOutcome> {
        let mut unreadable = Vec::new();
        let at = self.world.clock.now();
        let mut items = Vec::with_capacity(records.len());
        for place in records {
            match wire::heading(self.topic, &place.record) {
                Ok(heading) => items.push(self.arrival(lease, place, heading)),
                Err(error) => unreadable.push(dead_letter(lease, place, &error.to_string(), at)),
            }
        }
        let (lease, last) = (lease.clone(), last_of(records));
        dead.extend(unreadable.iter().cloned());
        let batch = WorkBatch { lease, next_offset, last, at, items, dead };
        let outcome = self.work.ingest(batch).await?;
        tell_unreadable(&unreadable, outcome);
        let notification = if self.topic == Topic::ToolRequests {
            Notification::Calls
        } else {
            Notification::Turns
        };
        self.world.wake.notify(notification);
        Ok(outcome)
    }
}

crate::opaque_debug!(IngestWork);
