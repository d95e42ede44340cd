//! Connections: one request each, and what goes wrong with it.

use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::fault::late;
use super::reply::Reply;
use super::{Asked, Fault, Shared, control, django, fast, locked};
use crate::http::{Chunked, Request};

/// Serves until it is dropped.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move { converse(socket, &shared).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the one request of a connection.
async fn converse(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(request) = Request::read(&mut socket).await? else { return Ok(()) };
    let asked = asked(&request);
    if let Some(reply) = control::answer(shared, &asked) {
        return send(socket, reply, None).await;
    }
    locked(&shared.asked).push(asked.clone());
    let fault = locked(&shared.rules).iter_mut().find_map(|rule| rule.meet(&asked.path));
    match fault {
        Some(Fault::Reset) => {
            // Closed at once, with what came unread, this is a reset.
            socket.set_zero_linger()?;
            Ok(())
        }
        Some(Fault::Hang) => pending().await,
        Some(Fault::Answer { status, headers, body }) => {
            send(socket, Reply { status, headers, body: body.into_bytes() }, None).await
        }
        fault => {
            pause(fault.as_ref().map_or(Duration::ZERO, late)).await;
            let stores = fault.as_ref().map_or(usize::MAX, stores);
            let reply = act(shared, &asked, request.body.len(), stores);
            let cut = (fault == Some(Fault::Cut)).then_some(reply.body.len() / 2);
            send(socket, spoiled(reply, fault.as_ref()), cut).await
        }
    }
}

/// So many of what is sent together are really stored.
fn stores(fault: &Fault) -> usize {
    if matches!(fault, Fault::NotStored | Fault::Replayed) {
        return 0;
    }
    if matches!(fault, Fault::PartlyStored(_)) { 1 } else { usize::MAX }
}

fn act(shared: &Shared, asked: &Asked, length: usize, stores: usize) -> Reply {
    let mut brain = locked(&shared.brain);
    if brain.generation.is_django() {
        django::answer(&mut brain, asked, length, stores)
    } else {
        fast::answer(&mut brain, asked, stores)
    }
}

/// The answer, as a fault has it.
fn spoiled(mut reply: Reply, fault: Option<&Fault>) -> Reply {
    let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else { return reply };
    let results = body["results"].as_array().cloned().unwrap_or_default();
    match fault {
        Some(Fault::PartlyStored(status)) => reply.status = *status,
        Some(Fault::Replayed) => {
            let later = |mut one: Value| {
                one["coordinate"] = Value::Null;
                one["persisted_to_ltm"] = false.into();
                one["warnings"] = json!(["memory-backend-unavailable:queued-for-replay"]);
                one
            };
            body["queued"] = true.into();
            body["results"] = results.into_iter().map(later).collect();
        }
        Some(Fault::Warned) => {
            let warn = |mut one: Value| {
                one["warnings"] = json!(["working-memory-admit-failed: full"]);
                one["something_new"] = Value::Null;
                one
            };
            body["results"] = results.into_iter().map(warn).collect();
        }
        Some(Fault::Repeated) => {
            let own = json!({"layer": "ltm", "score": null, "payload": {"task": "Recall session"},
                "content": {"task": "Recall session"}});
            let twice = |one: Value| [json!(null), one.clone(), own.clone(), one, json!("odd")];
            body["results"] = results.into_iter().flat_map(twice).collect();
            let memory = body["memory"].as_array().cloned().unwrap_or_default();
            if !memory.is_empty() {
                body["memory"] = memory.into_iter().flat_map(twice).collect();
            }
        }
        _ => return reply,
    }
    reply.body = body.to_string().into_bytes();
    reply
}

/// Sends an answer, or so many bytes of it.
async fn send(mut socket: TcpStream, reply: Reply, cut: Option<usize>) -> io::Result<()> {
    let Reply { status, headers, body } = reply;
    let mut response = Chunked::begin(&mut socket, status, &headers, usize::MAX).await?;
    match cut {
        Some(length) => response.write(body.get(..length).unwrap_or(&body)).await?,
        None => response.end(&body).await?,
    }
    socket.shutdown().await
}

fn asked(request: &Request) -> Asked {
    let target = request.target();
    let (method, target) = target.split_once(' ').unwrap_or((target, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = || Value::String(String::from_utf8_lossy(&request.body).into_owned());
    let body = match request.body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).unwrap_or_else(|_| text()),
    };
    Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: request.headers(),
        body,
    }
}

#[expect(clippy::disallowed_methods, reason = "the double lives in a time of its own")]
async fn pause(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}
