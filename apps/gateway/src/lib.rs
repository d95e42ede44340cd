//! The gateway: takes messages over HTTP and WebSocket, and streams the answers.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::tail_outbound::TailOutbound;

/// The service's name.
pub const NAME: &str = "gateway";

/// The gateway.
pub struct Gateway {
    tail: TailOutbound,
    web: soma_web::Gateway,
    listener: Arc<TcpListener>,
    drain: Duration,
}

impl Gateway {
    /// Puts the service together: it answers on `listener`, and gives requests `drain` to finish
    /// when it stops.
    pub fn new(
        tail: TailOutbound,
        web: soma_web::Gateway,
        listener: Arc<TcpListener>,
        drain: Duration,
    ) -> Self {
        Self { tail, web, listener, drain }
    }

    async fn serve(&self, stop: &Stop) {
        let served = match self.listener.try_clone() {
            Ok(listener) => {
                soma_web::serve(self.web.clone(), listener, stop.clone(), self.drain).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(%error, "the gateway cannot serve");
        }
    }
}

#[async_trait]
impl Service for Gateway {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        join(self.tail.run(stop), self.serve(stop)).await;
    }
}

soma_core::opaque_debug!(Gateway);
