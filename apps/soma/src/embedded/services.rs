//! The six services over the embedded ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use soma_core::flows::authenticate::Authenticate;
use soma_core::flows::claims::Capacity;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::identity::{Principal, Scope};
use soma_core::ports::rate_limit::Rate;
use soma_core::turn::config::TurnConfig;
use soma_inproc::InprocAuthenticator;
use soma_runtime::config::Config;
use soma_runtime::report::Fatal;
use soma_services::{Composition, Edge, Factory, Settings, Unit, WebGateway};
use soma_web::AllowedHosts;

use crate::health::EmbeddedHealth;

/// The name of the offline model in its profile.
const OFFLINE: &str = "offline";

/// How the gateway of this process is reached, and what it says about the process.
#[derive(Clone)]
pub(super) struct Reached {
    pub(super) health: Arc<EmbeddedHealth>,
    pub(super) metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) listener: Arc<TcpListener>,
    pub(super) hosts: AllowedHosts,
}

/// The names that the gateway answers to: this machine's own, the address it listens on if that is one,
/// and those that are set.
pub(super) fn hosts(config: &Config) -> Result<AllowedHosts, Fatal> {
    let bind = (!config.bind.is_unspecified()).then(|| match config.bind {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    let names = config.hosts.iter().map(String::as_str).chain(bind.as_deref());
    AllowedHosts::with(names).map_err(|error| Fatal::new(error, "correct SOMA_HOSTS"))
}

/// How each service is made.
pub(super) fn factories(
    config: &Config,
    composition: &Composition,
    reached: &Reached,
) -> BTreeMap<&'static str, Factory> {
    let factory = |unit: Unit| {
        let composition = composition.clone();
        let (reached, caller, drain) = (reached.clone(), caller(config), config.drain);
        let make = move |stop: &Stop| {
            composition.service(unit, || {
                gateway(&composition, reached.clone(), caller.clone(), drain, stop)
            })
        };
        (unit.name(), Box::new(make) as Factory)
    };
    Unit::ALL.map(factory).into()
}

/// How the services are set.
pub(super) fn settings(config: &Config) -> Settings {
    let profile = |model: &str| config.answers.profile(model);
    let name = config.model.as_ref().map_or(OFFLINE, |server| server.model.as_str());
    let per_minute = |requests: u32| Rate { requests, per: Duration::from_mins(1) };
    Settings {
        turns: TurnConfig {
            dialogue: profile(name),
            budget_limit: config.budget_limit,
            escalation: config.answers.escalation_model.as_deref().map(profile),
            fallback: config.answers.fallback_model.as_deref().map(profile),
            ..TurnConfig::of(name)
        },
        capacity: Capacity {
            sessions: config.worker_concurrency.get(),
            per_tenant: config.tenant_concurrency.get(),
            drain: config.drain,
        },
        rate: config.rate_per_minute.map(|requests| per_minute(requests.get())),
        backlog: Some(config.backlog),
    }
}

/// Whoever asks: the machine is one person's.
fn caller(config: &Config) -> Principal {
    Principal {
        tenant: config.tenant.clone(),
        subject: "local".into(),
        scopes: BTreeSet::from([Scope::Chat, Scope::Admin]),
    }
}

fn gateway(
    composition: &Composition,
    reached: Reached,
    caller: Principal,
    drain: Duration,
    stop: &Stop,
) -> Arc<dyn Service> {
    let Reached { health, metrics, listener, hosts } = reached;
    let gateway = composition.gateway(&health.hub, stop);
    let edge = Edge {
        authenticate: Authenticate::new(Arc::new(InprocAuthenticator::anyone(caller))),
        health,
        metrics,
        hosts,
        timer: Arc::clone(&composition.world.timer),
    };
    Arc::new(WebGateway::new(gateway, edge, listener, drain))
}
