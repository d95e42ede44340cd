//! Builds the services.

use std::sync::Arc;

use soma_core::flows::hub::Hub;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;

use crate::conversation_worker::ConversationWorker;
use crate::gateway::Gateway;
use crate::memory_replicator::MemoryReplicator;
use crate::memory_sync::MemorySync;
use crate::outbox_sync::OutboxSync;
use crate::ports::Ports;
use crate::settings::Settings;
use crate::tool_executor::ToolExecutor;
use crate::unit::Unit;

/// What the services of one process are made of.
#[derive(Clone, Debug)]
pub struct Composition {
    /// Their ports.
    pub ports: Ports,
    /// Their settings.
    pub settings: Settings,
    /// Their time, chance and tasks.
    pub world: World,
}

impl Composition {
    /// The gateway, without sockets. `hub` is what this process knows of running answers; `stop` ends
    /// the streams of clients.
    pub fn gateway(&self, hub: &Hub, stop: &Stop) -> Gateway {
        Gateway::new(self, hub, stop)
    }

    /// Any service but the gateway, which is what `gateway` makes: whoever calls a gateway keeps a
    /// copy of it.
    pub fn service(
        &self,
        unit: Unit,
        gateway: impl FnOnce() -> Arc<dyn Service>,
    ) -> Arc<dyn Service> {
        match unit {
            Unit::Gateway => gateway(),
            Unit::Worker => Arc::new(ConversationWorker::new(self)),
            Unit::Executor => Arc::new(ToolExecutor::new(self)),
            Unit::Replicator => Arc::new(MemoryReplicator::new(self)),
            Unit::MemorySync => Arc::new(MemorySync::new(self)),
            Unit::OutboxSync => Arc::new(OutboxSync::new(self)),
        }
    }
}
