//! The memory replicator: keeps a row for every memory that was written.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::flows::consume::Consume;
use soma_core::flows::replicate_memory::ReplicateMemory;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::outbox::topic::Topic;

use crate::composition::Composition;
use crate::unit::Unit;

/// The memory replicator.
pub struct MemoryReplicator {
    wal: Consume,
}

impl MemoryReplicator {
    /// Builds the service.
    pub fn new(composition: &Composition) -> Self {
        let Composition { ports, world, .. } = composition;
        let apply = Arc::new(ReplicateMemory::new(Arc::clone(&ports.replica), world.clone()));
        Self { wal: ports.consume(Topic::MemoryWal, Unit::Replicator, apply, world) }
    }
}

#[async_trait]
impl Service for MemoryReplicator {
    fn name(&self) -> &'static str {
        Unit::Replicator.name()
    }

    async fn run(&self, stop: &Stop) {
        self.wal.run(stop).await;
    }
}

soma_core::opaque_debug!(MemoryReplicator);
