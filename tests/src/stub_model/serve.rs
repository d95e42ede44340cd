//! Connections: one request each, answered step by step.

use std::future::pending;
use std::io;
use std::net::TcpListener;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Script;
use super::asked::Asked;
use super::log::{Ending, Log};
use super::reply::{Kind, Reply, Step};
use crate::http::{Chunked, Request};

const PATH: &str = "POST /v1/chat/completions";

/// Serves until it is dropped.
pub(super) async fn run(listener: TcpListener, script: Script, log: Log) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                let (script, log) = (Script::clone(&script), log.clone());
                connections.spawn(async move { converse(socket, &script, &log).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the one request of a connection.
async fn converse(mut socket: TcpStream, script: &Script, log: &Log) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Some(request) = Request::read(&mut socket).await? else { return Ok(()) };
    let (mut from, to) = socket.split();
    if request.target() != PATH {
        return refuse(to, 404, &format!("the stub serves {PATH} only")).await;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return refuse(to, 400, "the body is no JSON").await;
    };
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let (place, asked) = log.begin(body, key.map(str::to_owned));
    let reply = script(&asked);
    let ending = tokio::select! {
        biased;
        played = play(to, reply, &asked, log, place) => played.unwrap_or(Ending::HungUp),
        () = hung_up(&mut from) => Ending::HungUp,
    };
    log.note(place, |entry| entry.ending = Some(ending));
    Ok(())
}

async fn refuse(to: impl AsyncWrite + Unpin, status: u16, message: &str) -> io::Result<()> {
    let error = json!({"error": {"message": message, "type": "invalid_request_error"}});
    Chunked::begin(to, status, &[header("application/json")], usize::MAX)
        .await?
        .end(error.to_string().as_bytes())
        .await
}

/// Resolves when the client has hung up.
async fn hung_up(from: &mut (impl AsyncRead + Unpin)) {
    let mut sink = [0; 1024];
    while from.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}

async fn play(
    to: impl AsyncWrite + Unpin,
    reply: Reply,
    asked: &Asked,
    log: &Log,
    place: usize,
) -> io::Result<Ending> {
    let Reply { kind, steps, mut headers, piece } = reply;
    match kind {
        Kind::Mute => pending().await,
        Kind::Whole { status, body } => {
            headers.push(header("application/json"));
            log.note(place, |entry| entry.take_whole(&body));
            let response = Chunked::begin(to, status, &headers, piece).await?;
            response.end(body.to_string().as_bytes()).await?;
            Ok(if status == 200 { Ending::Completed } else { Ending::Refused(status) })
        }
        Kind::Stream => {
            headers.push(header("text/event-stream"));
            let response = Chunked::begin(to, 200, &headers, piece).await?;
            stream(response, steps, asked, log, place).await
        }
    }
}

async fn stream(
    mut response: Chunked<impl AsyncWrite + Unpin>,
    mut steps: Vec<Step>,
    asked: &Asked,
    log: &Log,
    place: usize,
) -> io::Result<Ending> {
    let last = steps.pop_if(|step| matches!(step, Step::Data(_) | Step::Raw(_)));
    for step in steps {
        match &step {
            Step::Wait(span) => pause(*span).await,
            Step::Cut => return Ok(Ending::Cut),
            Step::Silence => pending().await,
            Step::Delta { delta, .. } => {
                let text = delta["content"].as_str().unwrap_or_default();
                log.note(place, |entry| entry.sent.push_str(text));
            }
            Step::Usage(usage) => log.note(place, |entry| entry.usage = Some(*usage)),
            Step::Data(_) | Step::Raw(_) => {}
        }
        response.write(&bytes(step, asked.model(), place)).await?;
    }
    let last = last.map(|step| bytes(step, asked.model(), place)).unwrap_or_default();
    response.end(&last).await?;
    Ok(Ending::Completed)
}

/// The bytes of a step; none if it is no message.
pub(super) fn bytes(step: Step, model: &str, place: usize) -> Vec<u8> {
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": format!("chatcmpl-stub-{place}"),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": model,
            "choices": choices,
            "usage": usage,
            "obfuscation": "stub",
        })
    };
    let data = match step {
        Step::Delta { delta, finish } => {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
            chunk(json!([choice]), Value::Null).to_string()
        }
        Step::Usage(usage) => {
            let usage = json!({
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total(),
            });
            chunk(json!([]), usage).to_string()
        }
        Step::Data(data) => data,
        Step::Raw(bytes) => return bytes,
        Step::Wait(_) | Step::Cut | Step::Silence => return Vec::new(),
    };
    format!("data: {data}\n\n").into_bytes()
}

fn header(content_type: &str) -> (String, String) {
    ("content-type".into(), content_type.into())
}

#[expect(clippy::disallowed_methods, reason = "the stub lives in a time of its own")]
async fn pause(span: std::time::Duration) {
    tokio::time::sleep(span).await;
}
