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
}

/// How a service is made that nobody calls.
pub type Background = fn(&Composition) -> Arc<dyn Service>;

impl Unit {
    /// How it is made, if it is any service but the gateway. That is what [`Composition::gateway`]
    /// makes: whoever calls a gateway keeps a copy of it.
    pub fn background(self) -> Option<Background> {
        match self {
            Self::Gateway => None,
            Self::Worker => Some(|composition| Arc::new(ConversationWorker::new(composition))),
            Self::Executor => Some(|composition| Arc::new(ToolExecutor::new(composition))),
            Self::Replicator => Some(|composition| Arc::new(MemoryReplicator::new(composition))),
            Self::MemorySync => Some(|composition| Arc::new(MemorySync::new(composition))),
            Self::OutboxSync => Some(|composition| Arc::new(OutboxSync::new(composition))),
        }
    }
}
