//! The memory sync: writes what is to be remembered, until it is written.

use async_trait::async_trait;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::sync_memory::SyncMemory;

/// The service's name.
pub const NAME: &str = "memory-sync";

/// The memory sync.
pub struct MemorySync {
    sync: SyncMemory,
}

impl MemorySync {
    /// Puts the service together.
    pub fn new(sync: SyncMemory) -> Self {
        Self { sync }
    }
}

#[async_trait]
impl Service for MemorySync {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        self.sync.run(stop).await;
    }
}

soma_core::opaque_debug!(MemorySync);
