//! The HTTP server.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use soma_core::flows::stop::Stop;

use crate::gateway::Gateway;
use crate::guard::guard;
use crate::routes;
use crate::shared::SharedFrames;

/// How long a client may take to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to go away once its connection is over: a stop waits for it.
const FAREWELL: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves the routes on `listener` until `stop`. Then nothing new is taken, streams end, and
/// requests that run have `drain` to finish. Runs in any Tokio runtime, with threads of its own.
///
/// # Errors
///
/// If the listener cannot be used, or no thread be started.
pub async fn serve(
    gateway: Gateway,
    listener: TcpListener,
    stop: Stop,
    drain: Duration,
) -> io::Result<()> {
    start(gateway, listener, stop, drain)?.await
}

/// Not async: until it runs, a server may not move between threads.
fn start(
    gateway: Gateway,
    listener: TcpListener,
    stop: Stop,
    drain: Duration,
) -> io::Result<Server> {
    let (gateway, shared) = (Data::new(gateway), Data::new(SharedFrames::default()));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(gateway.clone())
            .app_data(shared.clone())
            .wrap(from_fn(guard))
            .configure(routes::configure)
    });
    let server = server
        .client_request_timeout(PATIENCE)
        .client_disconnect_timeout(FAREWELL)
        .keep_alive(KEEP_ALIVE)
        .tcp_nodelay(true)
        .shutdown_timeout(drain.as_secs().max(1))
        .shutdown_signal(async move { stop.wait().await })
        .listen(listener)?;
    Ok(server.run())
}
