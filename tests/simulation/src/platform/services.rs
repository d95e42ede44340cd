//! The services but the gateway, over the ports of the platform.

use std::sync::Arc;
use std::time::Duration;

use soma_conversation_worker::ConversationWorker;
use soma_core::conversation::model::ModelProfile;
use soma_core::flows::answer_message::{AnswerMessage, AnswerPorts};
use soma_core::flows::claims::Capacity;
use soma_core::flows::relay_outbox::RelayOutbox;
use soma_core::flows::run_tools::RunTools;
use soma_core::flows::service::Service;
use soma_core::flows::sync_memory::SyncMemory;
use soma_core::flows::world::World;
use soma_core::ports::rate_limit::Rate;
use soma_core::turn::config::TurnConfig;
use soma_memory_replicator::MemoryReplicator;
use soma_memory_sync::MemorySync;
use soma_outbox_sync::OutboxSync;
use soma_tool_executor::ToolExecutor;

use super::ports::Ports;
use super::unit::Unit;

/// How the services are set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What turns run with.
    pub turns: TurnConfig,
    /// How much worker and executor take on.
    pub capacity: Capacity,
    /// The limit of messages per tenant.
    pub rate: Option<Rate>,
}

impl Default for Settings {
    fn default() -> Self {
        let turns = TurnConfig {
            dialogue: profile("first"),
            escalation: None,
            fallback: None,
            max_tool_rounds: 3,
            max_model_tries: 3,
            budget_limit: None,
            least_answer_tokens: 16,
        };
        let capacity = Capacity { sessions: 64, per_tenant: 64, drain: Duration::from_secs(30) };
        Self { turns, capacity, rate: None }
    }
}

impl Settings {
    /// With a model that answers when the first does not.
    #[must_use]
    pub fn with_fallback(mut self) -> Self {
        self.turns.fallback = Some(profile("fallback"));
        self
    }
}

fn profile(model: &str) -> ModelProfile {
    ModelProfile {
        model: model.into(),
        max_tokens: 200,
        context_tokens: 4_000,
        temperature_milli: None,
    }
}

/// An instance of a service; none for the gateway, which is a [`Gateway`](super::Gateway).
pub fn service(
    unit: Unit,
    ports: &Ports,
    settings: &Settings,
    world: World,
) -> Option<Box<dyn Service>> {
    Some(match unit {
        Unit::Gateway => return None,
        Unit::Worker => worker(ports, settings, world),
        Unit::Executor => executor(ports, settings, world),
        Unit::Replicator => replicator(ports, world),
        Unit::MemorySync => memory_sync(ports, world),
        Unit::OutboxSync => outbox_sync(ports, world),
    })
}

fn worker(ports: &Ports, settings: &Settings, world: World) -> Box<dyn Service> {
    let answer = AnswerPorts {
        store: Arc::clone(&ports.store),
        log: Arc::clone(&ports.log),
        policy: Arc::clone(&ports.policy),
        budget: Arc::clone(&ports.budget),
        memory: Arc::clone(&ports.memory),
        model: Arc::clone(&ports.model),
    };
    let tools = ports.tools.specs();
    let answer = AnswerMessage::new(answer, settings.turns.clone(), tools, world.clone());
    Box::new(ConversationWorker::new(
        Arc::clone(&ports.log),
        Arc::clone(&ports.leases),
        Arc::clone(&ports.work),
        (answer, settings.capacity),
        world,
    ))
}

fn executor(ports: &Ports, settings: &Settings, world: World) -> Box<dyn Service> {
    let (store, policy) = (Arc::clone(&ports.store), Arc::clone(&ports.policy));
    let run = RunTools::new(store, policy, Arc::clone(&ports.tools), world.clone());
    Box::new(ToolExecutor::new(
        Arc::clone(&ports.log),
        Arc::clone(&ports.leases),
        Arc::clone(&ports.work),
        (run, settings.capacity),
        world,
    ))
}

fn replicator(ports: &Ports, world: World) -> Box<dyn Service> {
    let (log, leases) = (Arc::clone(&ports.log), Arc::clone(&ports.leases));
    Box::new(MemoryReplicator::new(log, leases, Arc::clone(&ports.replica), world))
}

fn memory_sync(ports: &Ports, world: World) -> Box<dyn Service> {
    let (queue, memory) = (Arc::clone(&ports.memory_queue), Arc::clone(&ports.memory));
    let store = Arc::clone(&ports.store);
    Box::new(MemorySync::new(SyncMemory::new(queue, memory, store, world)))
}

fn outbox_sync(ports: &Ports, world: World) -> Box<dyn Service> {
    let (outbox, leases) = (Arc::clone(&ports.outbox), Arc::clone(&ports.leases));
    Box::new(OutboxSync::new(RelayOutbox::new(outbox, leases, Arc::clone(&ports.log), world)))
}
