//! The memory sync: writes what is to be remembered, until it is written.

use async_trait::async_trait;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::sync_memory::SyncMemory;

use crate::composition::Composition;
use crate::ports::Ports;
use crate::unit::Unit;

/// The memory sync.
pub struct MemorySync {
    sync: SyncMemory,
}

impl MemorySync {
    /// Builds the service.
    pub fn new(composition: &Composition) -> Self {
        let Ports { memory_queue, leases, memory, store, .. } = composition.ports.clone();
        let world = composition.world.clone();
        Self { sync: SyncMemory::new(memory_queue, leases, memory, store, world) }
    }
}

#[async_trait]
impl Service for MemorySync {
    fn name(&self) -> &'static str {
        Unit::MemorySync.name()
    }

    async fn run(&self, stop: &Stop) {
        self.sync.run(stop).await;
    }
}

soma_core::opaque_debug!(MemorySync);
