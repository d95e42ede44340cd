//! The floor of a POST: the same web framework that answers 202 and does nothing else, asked by the
//! same client.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::web::{Bytes, post};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::client::Client;
use super::error::LoadError;
use crate::samples::Samples;

/// Between two requests of a client that is alone: it is not to find everything warm.
const PACE: Duration = Duration::from_millis(20);
const SPAN: Duration = Duration::from_secs(2);

/// As long as the platform's receipt.
const RECEIPT: &str = "{\"session_id\":\"00000000-0000-0000-0000-000000000000\",\
    \"event_id\":\"00000000-0000-0000-0000-000000000000\",\
    \"turn_id\":\"00000000-0000-0000-0000-000000000000\"}";

/// One client that posts now and then.
pub(super) async fn alone() -> Result<Samples, LoadError> {
    let server = BareServer::start()?;
    let client = Client::of(&server.url)?;
    let began = Instant::now();
    let mut ticks = interval(PACE);
    let mut times = Vec::new();
    while began.elapsed() < SPAN {
        ticks.tick().await;
        times.push(asked(&client).await?);
    }
    Ok(times.into_iter().collect())
}

/// So many clients, each posting as soon as it has its answer.
pub(super) async fn crowded(clients: usize) -> Result<Samples, LoadError> {
    let server = BareServer::start()?;
    let client = Client::of(&server.url)?;
    let began = Instant::now();
    let one = || async {
        let mut times = Vec::new();
        while began.elapsed() < SPAN {
            times.push(asked(&client).await?);
        }
        Ok::<_, LoadError>(times)
    };
    let times = try_join_all((0..clients).map(|_| one())).await?;
    Ok(times.into_iter().flatten().collect())
}

async fn asked(client: &Client) -> Result<Duration, LoadError> {
    let before = Instant::now();
    client.say(None, "tell me more [words 20]").await?;
    Ok(before.elapsed())
}

/// A server that accepts everything; stopped when it is dropped.
struct BareServer {
    url: String,
    _serving: JoinSet<io::Result<()>>,
}

impl BareServer {
    fn start() -> Result<Self, LoadError> {
        let failed = LoadError::io("start the bare server");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(&failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(&failed)?);
        let server = bare(listener).map_err(&failed)?;
        let mut serving = JoinSet::new();
        serving.spawn(server);
        Ok(Self { url, _serving: serving })
    }
}

fn bare(listener: TcpListener) -> io::Result<Server> {
    let accept = |_body: Bytes| async {
        HttpResponse::Accepted().content_type("application/json").body(RECEIPT)
    };
    let app = move || App::new().route("/v1/session/message", post().to(accept));
    Ok(HttpServer::new(app).disable_signals().tcp_nodelay(true).listen(listener)?.run())
}
