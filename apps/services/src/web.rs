//! The gateway with its sockets: takes messages over HTTP and WebSocket, and streams the answers.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use soma_core::flows::authenticate::Authenticate;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::ports::Timer;
use soma_web::{AllowedHosts, Health};

use crate::gateway::Gateway;
use crate::unit::Unit;

/// What a gateway that is reached by HTTP needs besides its use cases.
#[derive(Clone)]
pub struct Edge {
    /// Says who is asking.
    pub authenticate: Authenticate,
    /// Says how the parts are.
    pub health: Arc<dyn Health>,
    /// Renders the metrics as Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The names that the gateway answers to.
    pub hosts: AllowedHosts,
    /// Waits: heartbeats, and clients that say nothing.
    pub timer: Arc<dyn Timer>,
}

/// The gateway with its sockets.
pub struct WebGateway {
    gateway: Gateway,
    edge: Edge,
    listener: Arc<TcpListener>,
    drain: Duration,
}

impl WebGateway {
    /// Builds the service: it answers on `listener`, and gives requests `drain` to finish
    /// when it stops.
    pub fn new(gateway: Gateway, edge: Edge, listener: Arc<TcpListener>, drain: Duration) -> Self {
        Self { gateway, edge, listener, drain }
    }

    async fn serve(&self, stop: &Stop) {
        let served = match self.listener.try_clone() {
            Ok(listener) => {
                let routes = self.gateway.routes(self.edge.clone());
                soma_web::serve(routes, listener, stop.clone(), self.drain).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(%error, "the gateway cannot serve");
        }
    }
}

impl Gateway {
    /// What the routes work with.
    pub fn routes(&self, edge: Edge) -> soma_web::Gateway {
        let Edge { authenticate, health, metrics, hosts, timer } = edge;
        soma_web::Gateway {
            submit_message: self.submit.clone(),
            follow_session: self.follow.clone(),
            list_sessions: self.list.clone(),
            read_session: self.read.clone(),
            delete_session: self.delete.clone(),
            cancel_turn: self.cancel.clone(),
            request_tool: self.request_tool.clone(),
            dead_letters: self.dead_letters.clone(),
            authenticate,
            health,
            metrics,
            hosts,
            timer,
        }
    }
}

#[async_trait]
impl Service for WebGateway {
    fn name(&self) -> &'static str {
        Unit::Gateway.name()
    }

    async fn run(&self, stop: &Stop) {
        join(self.gateway.run(stop), self.serve(stop)).await;
    }
}

soma_core::opaque_debug!(Edge);
soma_core::opaque_debug!(WebGateway);
