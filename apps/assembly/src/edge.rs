//! How the gateway is reached.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use soma_core::flows::authenticate::Authenticate;
use soma_core::flows::hub::Hub;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::identity::{Principal, Scope};
use soma_inproc::InprocAuthenticator;
use soma_runtime::config::Config;
use soma_runtime::report::Fatal;
use soma_services::{Composition, Edge, WebGateway};
use soma_web::{AllowedHosts, Health};

/// How the gateway of this process is reached, and what it says about the process.
#[derive(Clone)]
pub struct Reached {
    /// How the parts are.
    pub health: Arc<dyn Health>,
    /// What this process knows of running answers.
    pub hub: Hub,
    /// Renders the metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Where it listens.
    pub listener: Arc<TcpListener>,
    /// The names that it answers to.
    pub hosts: AllowedHosts,
}

soma_core::opaque_debug!(Reached);

/// The gateway with its sockets; `stop` ends its streams.
pub fn gateway(
    config: &Config,
    composition: &Composition,
    reached: &Reached,
    stop: &Stop,
) -> Arc<dyn Service> {
    let gateway = composition.gateway(&reached.hub, stop);
    let edge = Edge {
        authenticate: Authenticate::new(Arc::new(InprocAuthenticator::anyone(caller(config)))),
        health: Arc::clone(&reached.health),
        metrics: Arc::clone(&reached.metrics),
        hosts: reached.hosts.clone(),
        timer: Arc::clone(&composition.world.timer),
    };
    Arc::new(WebGateway::new(gateway, edge, Arc::clone(&reached.listener), config.drain))
}

/// The names that the gateway answers to: this machine's own, the address it listens on if that is one,
/// and those that are set.
///
/// # Errors
///
/// [`Fatal`] if one of them is no name.
pub fn hosts(config: &Config) -> Result<AllowedHosts, Fatal> {
    let bind = (!config.bind.is_unspecified()).then(|| match config.bind {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    });
    let names = config.hosts.iter().map(String::as_str).chain(bind.as_deref());
    AllowedHosts::with(names).map_err(|error| Fatal::new(error, "correct SOMA_HOSTS"))
}

/// Listens on an address; `choose` tells how to choose another.
///
/// # Errors
///
/// [`Fatal`] if that cannot be done.
pub fn listen(address: SocketAddr, choose: &str) -> Result<TcpListener, Fatal> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let in_use = error.kind() == io::ErrorKind::AddrInUse;
        let advice =
            if in_use { "stop what listens there, or choose another " } else { "choose another " };
        let error = io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        Fatal::new(error, format!("{advice}{choose}"))
    })?;
    listener.set_nonblocking(true).map_err(|error| Fatal::new(error, ""))?;
    Ok(listener)
}

/// Whoever asks, as long as there is no login.
fn caller(config: &Config) -> Principal {
    Principal {
        tenant: config.tenant.clone(),
        subject: "local".into(),
        scopes: BTreeSet::from([Scope::Chat, Scope::Admin]),
    }
}
