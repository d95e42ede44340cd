//! The HTTP server.

use std::future::ready;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Protocol};
use actix_server::{Server, ServerBuilder};
use actix_service::{ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App, Error};
use soma_core::flows::stop::Stop;
use soma_core::ports::Timer;

use crate::connection::Connection;
use crate::gateway::Gateway;
use crate::guard::guard;
use crate::operations::Operations;
use crate::routes;
use crate::shared::SharedFrames;

/// How long a client may take to send the head of its first request.
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
    let timer = Arc::clone(&gateway.timer);
    let operations = Data::new(Operations::from(&gateway));
    let (gateway, shared) = (Data::new(gateway), Data::new(SharedFrames::default()));
    let app = move || {
        App::new()
            .app_data(gateway.clone())
            .app_data(operations.clone())
            .app_data(shared.clone())
            .wrap(from_fn(guard))
            .configure(routes::configure)
    };
    start(app, Server::build().shutdown_timeout(drain.as_secs().max(1)), listener, (timer, stop))?
        .await
}

/// Serves only what is for operators, on `listener` until `stop`: whether the process is alive and
/// ready, how its parts are, and what it measured. By one thread.
///
/// # Errors
///
/// As those of [`serve`].
pub async fn serve_operations(
    operations: Operations,
    listener: TcpListener,
    timer: Arc<dyn Timer>,
    stop: Stop,
) -> io::Result<()> {
    let operations = Data::new(operations);
    let app =
        move || App::new().app_data(operations.clone()).configure(routes::configure_operations);
    start(app, Server::build().workers(1).shutdown_timeout(1), listener, (timer, stop))?.await
}

/// Not async: until it runs, a server may not move between threads.
fn start<T, B>(
    app: impl Fn() -> App<T> + Send + Clone + 'static,
    server: ServerBuilder,
    listener: TcpListener,
    (timer, stop): (Arc<dyn Timer>, Stop),
) -> io::Result<Server>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let stopping = stop.clone();
    let connections = move || {
        let (timer, stopping) = (Arc::clone(&timer), stopping.clone());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stop = stopping.clone();
                async move { stop.wait().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(PATIENCE)
            .client_disconnect_timeout(FAREWELL)
            .on_connect_ext(Connection::share_line)
            .finish(map_config(app(), |()| AppConfig::default()));
        fn_service(move |socket: TcpStream| {
            let peer = socket.peer_addr().ok();
            // Where it cannot be set, what is said may come a little later.
            socket.set_nodelay(true).ok();
            let connection = Connection::new(socket, Arc::clone(&timer));
            ready(Ok((connection, Protocol::Http1, peer)))
        })
        .and_then(http)
    };
    let server = server.shutdown_signal(async move { stop.wait().await }).listen(
        "http",
        listener,
        connections,
    )?;
    Ok(server.run())
}
