//! The six services over the embedded ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use soma_conversation_worker::ConversationWorker;
use soma_core::flows::answer_message::{AnswerMessage, AnswerPorts};
use soma_core::flows::cancel_turn::CancelTurn;
use soma_core::flows::claims::Capacity;
use soma_core::flows::delete_session::DeleteSession;
use soma_core::flows::follow_session::FollowSession;
use soma_core::flows::list_sessions::ListSessions;
use soma_core::flows::read_session::ReadSession;
use soma_core::flows::relay_outbox::RelayOutbox;
use soma_core::flows::request_tool::RequestTool;
use soma_core::flows::run_tools::RunTools;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::SubmitMessage;
use soma_core::flows::sync_memory::SyncMemory;
use soma_core::flows::tail_outbound::TailOutbound;
use soma_core::flows::world::World;
use soma_core::identity::{Principal, Scope};
use soma_core::ports::Log;
use soma_core::ports::rate_limit::Rate;
use soma_core::turn::config::TurnConfig;
use soma_gateway::Gateway;
use soma_memory_replicator::MemoryReplicator;
use soma_memory_sync::MemorySync;
use soma_outbox_sync::OutboxSync;
use soma_runtime::config::Config;
use soma_tool_executor::ToolExecutor;
use soma_web::{AllowedHosts, FixedPrincipal};

use super::ports::Ports;
use crate::health::EmbeddedHealth;
use crate::supervisor::Factory;

/// The name of the offline model in its profile.
const OFFLINE: &str = "offline";

/// What the services are made of.
pub(super) struct Parts {
    pub(super) ports: Ports,
    pub(super) health: Arc<EmbeddedHealth>,
    pub(super) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) listener: Arc<TcpListener>,
}

/// How each service is made.
pub(super) fn factories(
    config: &Config,
    parts: Parts,
    stop: &Stop,
    world: &World,
) -> BTreeMap<&'static str, Factory> {
    let adapters = parts.ports.clone();
    let capacity = Capacity {
        sessions: config.worker_concurrency.get(),
        per_tenant: config.tenant_concurrency.get(),
        drain: config.drain,
    };
    let answer = answer(config, &adapters, world);
    let gateway = gateway(config, parts, stop, world);
    BTreeMap::from([
        (soma_gateway::NAME, gateway),
        (soma_conversation_worker::NAME, worker(&adapters, answer, capacity, world)),
        (soma_tool_executor::NAME, executor(&adapters, capacity, world)),
        (soma_memory_replicator::NAME, replicator(&adapters, world)),
        (soma_memory_sync::NAME, memory_sync(&adapters, world)),
        (soma_outbox_sync::NAME, outbox_sync(&adapters, world)),
    ])
}

fn answer(config: &Config, ports: &Ports, world: &World) -> AnswerMessage {
    let profile = |model: &str| config.answers.profile(model);
    let name = config.model.as_ref().map_or(OFFLINE, |server| server.model.as_str());
    let turns = TurnConfig {
        dialogue: profile(name),
        budget_limit: config.budget_limit,
        escalation: config.answers.escalation_model.as_deref().map(profile),
        fallback: config.answers.fallback_model.as_deref().map(profile),
        ..TurnConfig::of(name)
    };
    let log: Arc<dyn Log> = Arc::clone(&ports.log) as _;
    let answer_ports = AnswerPorts {
        store: Arc::clone(&ports.store),
        log,
        policy: Arc::clone(&ports.policy),
        budget: Arc::clone(&ports.budget),
        memory: Arc::clone(&ports.memory),
        model: Arc::clone(&ports.model),
    };
    AnswerMessage::new(answer_ports, turns, ports.toolbox.specs(), world.clone())
}

fn worker(ports: &Ports, answer: AnswerMessage, capacity: Capacity, world: &World) -> Factory {
    let (ports, world) = (ports.clone(), world.clone());
    Box::new(move || {
        Arc::new(ConversationWorker::new(
            Arc::clone(&ports.log) as _,
            Arc::clone(&ports.leases),
            Arc::clone(&ports.work),
            (answer.clone(), capacity),
            world.clone(),
        ))
    })
}

fn executor(ports: &Ports, capacity: Capacity, world: &World) -> Factory {
    let (ports, world) = (ports.clone(), world.clone());
    let (store, policy) = (Arc::clone(&ports.store), Arc::clone(&ports.policy));
    let tools = RunTools::new(store, policy, Arc::clone(&ports.toolbox), world.clone());
    Box::new(move || {
        Arc::new(ToolExecutor::new(
            Arc::clone(&ports.log) as _,
            Arc::clone(&ports.leases),
            Arc::clone(&ports.work),
            (tools.clone(), capacity),
            world.clone(),
        ))
    })
}

fn replicator(ports: &Ports, world: &World) -> Factory {
    let (ports, world) = (ports.clone(), world.clone());
    Box::new(move || {
        let log: Arc<dyn Log> = Arc::clone(&ports.log) as _;
        let (leases, replica) = (Arc::clone(&ports.leases), Arc::clone(&ports.replica));
        Arc::new(MemoryReplicator::new(log, leases, replica, world.clone()))
    })
}

fn memory_sync(ports: &Ports, world: &World) -> Factory {
    let (queue, memory) = (Arc::clone(&ports.memory_queue), Arc::clone(&ports.memory));
    let sync = SyncMemory::new(queue, memory, Arc::clone(&ports.store), world.clone());
    Box::new(move || Arc::new(MemorySync::new(sync.clone())))
}

fn outbox_sync(ports: &Ports, world: &World) -> Factory {
    let (outbox, leases) = (Arc::clone(&ports.outbox), Arc::clone(&ports.leases));
    let relay = RelayOutbox::new(outbox, leases, Arc::clone(&ports.log) as _, world.clone());
    Box::new(move || Arc::new(OutboxSync::new(relay.clone())))
}

fn gateway(config: &Config, parts: Parts, stop: &Stop, world: &World) -> Factory {
    let Parts { ports, health, metrics, listener } = parts;
    let store = &ports.store;
    let rate = config
        .rate_per_minute
        .map(|requests| Rate { requests: requests.get(), per: Duration::from_mins(1) });
    let caller = Principal {
        tenant: config.tenant.clone(),
        subject: "local".into(),
        scopes: BTreeSet::from([Scope::Chat, Scope::Admin]),
    };
    let (clone, world) = (|store| Arc::clone(store), world.clone());
    let web = soma_web::Gateway {
        submit_message: SubmitMessage::new(
            clone(store),
            Arc::clone(&ports.limits),
            rate,
            world.clone(),
        ),
        follow_session: FollowSession::new(
            clone(store),
            ports.hub.clone(),
            world.clone(),
            stop.clone(),
        ),
        list_sessions: ListSessions::new(clone(store)),
        read_session: ReadSession::new(clone(store)),
        delete_session: DeleteSession::new(clone(store), Arc::clone(&ports.memory), world.clone()),
        cancel_turn: CancelTurn::new(clone(store), world.clone()),
        request_tool: RequestTool::new(
            clone(store),
            Arc::clone(&ports.policy),
            ports.toolbox.specs(),
            world.clone(),
        ),
        authenticate: Arc::new(FixedPrincipal(caller)),
        health,
        metrics,
        hosts: AllowedHosts::default(),
        timer: Arc::clone(&world.timer),
    };
    let (drain, hub) = (config.drain, ports.hub.clone());
    let log: Arc<dyn Log> = Arc::clone(&ports.log) as _;
    Box::new(move || -> Arc<dyn Service> {
        let tail = TailOutbound::new(Arc::clone(&log), hub.clone(), world.clone());
        Arc::new(Gateway::new(tail, web.clone(), Arc::clone(&listener), drain))
    })
}
