//! Keeps the replica of what was remembered.

use std::sync::Arc;

use async_trait::async_trait;

use super::consume::{Apply, dead_letter, last_of, tell_unreadable};
use super::world::World;
use crate::memory::WalEvent;
use crate::outbox::dead::DeadLetter;
use crate::ports::log::Positioned;
use crate::ports::{PortResult, Replica};
use crate::redact::json_error;
use crate::work::ingest::{BatchOutcome, ReplicaBatch};
use crate::work::lease::PartitionLease;

/// Applies records of `memory.wal` to the replica.
pub struct ReplicateMemory {
    replica: Arc<dyn Replica>,
    world: World,
}

impl ReplicateMemory {
    /// Builds the use case.
    pub fn new(replica: Arc<dyn Replica>, world: World) -> Self {
        Self { replica, world }
    }
}

#[async_trait]
impl Apply for ReplicateMemory {
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
            match serde_json::from_slice::<WalEvent>(&place.record.value) {
                Ok(event) if event.kind == WalEvent::TYPE => items.push(event),
                Ok(event) => {
                    let error = format!("unknown type {}", event.kind);
                    unreadable.push(dead_letter(lease, place, &error, at));
                }
                Err(error) => unreadable.push(dead_letter(lease, place, &json_error(&error), at)),
            }
        }
        let (lease, last) = (lease.clone(), last_of(records));
        dead.extend(unreadable.iter().cloned());
        let batch = ReplicaBatch { lease, next_offset, last, at, items, dead };
        let outcome = self.replica.apply(batch).await?;
        tell_unreadable(&unreadable, outcome);
        Ok(outcome)
    }
}

crate::opaque_debug!(ReplicateMemory);
