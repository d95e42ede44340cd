//! The outbox sync: publishes what commits left to be published.

use async_trait::async_trait;
use soma_core::flows::relay_outbox::RelayOutbox;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;

use crate::composition::Composition;
use crate::ports::Ports;
use crate::unit::Unit;

/// The outbox sync.
pub struct OutboxSync {
    relay: RelayOutbox,
}

impl OutboxSync {
    /// Builds the service.
    pub fn new(composition: &Composition) -> Self {
        let Ports { outbox, leases, log, .. } = composition.ports.clone();
        Self { relay: RelayOutbox::new(outbox, leases, log, composition.world.clone()) }
    }
}

#[async_trait]
impl Service for OutboxSync {
    fn name(&self) -> &'static str {
        Unit::OutboxSync.name()
    }

    async fn run(&self, stop: &Stop) {
        self.relay.run(stop).await;
    }
}

soma_core::opaque_debug!(OutboxSync);
