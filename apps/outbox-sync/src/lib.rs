//! The outbox sync: publishes what commits left to be published.

use async_trait::async_trait;
use soma_core::flows::relay_outbox::RelayOutbox;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;

/// The service's name.
pub const NAME: &str = "outbox-sync";

/// The outbox sync.
pub struct OutboxSync {
    relay: RelayOutbox,
}

impl OutboxSync {
    /// Puts the service together.
    pub fn new(relay: RelayOutbox) -> Self {
        Self { relay }
    }
}

#[async_trait]
impl Service for OutboxSync {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        self.relay.run(stop).await;
    }
}

soma_core::opaque_debug!(OutboxSync);
