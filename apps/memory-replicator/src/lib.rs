//! The memory replicator: keeps a row for every memory that was written.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::flows::consume::Consume;
use soma_core::flows::replicate_memory::ReplicateMemory;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{Leases, Log, Replica};

/// The service's name and consumer group.
pub const NAME: &str = "memory-replicator";

/// The memory replicator.
pub struct MemoryReplicator {
    wal: Consume,
}

impl MemoryReplicator {
    /// Puts the service together.
    pub fn new(
        log: Arc<dyn Log>,
        leases: Arc<dyn Leases>,
        replica: Arc<dyn Replica>,
        world: World,
    ) -> Self {
        let apply = Arc::new(ReplicateMemory::new(replica, world.clone()));
        Self { wal: Consume::new(log, leases, (Topic::MemoryWal, NAME), apply, world) }
    }
}

#[async_trait]
impl Service for MemoryReplicator {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        self.wal.run(stop).await;
    }
}

soma_core::opaque_debug!(MemoryReplicator);
