//! Connections on which a client says nothing, or says it too slowly.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::app::App;
use crate::client::Opened;

#[tokio::test]
async fn first_head_that_trickles_is_refused() {
    let app = App::start();
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"G").await.unwrap();

    let mut answer = String::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;

    read.expect("it is waited for").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn later_head_that_trickles_ends_the_connection() {
    let app = App::start();
    let mut opened = app.request("GET", "/healthz").open().await;
    let mut body = vec![0; opened.head.header("Content-Length").unwrap().parse().unwrap()];
    opened.stream.read_exact(&mut body).await.unwrap();

    opened.stream.write_all(b"GET /heal").await.unwrap();
    app.parts.bells.ring(Duration::from_secs(30));

    let mut rest = Vec::new();
    let read = timeout(Duration::from_secs(20), opened.stream.read_to_end(&mut rest)).await;
    read.expect("it is waited for").unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn request_that_takes_long_to_answer_is_no_head_that_trickles() {
    let app = App::start();
    let session = app.said().await.session_id;
    let target = format!("/v1/session/{session}/events");
    let mut events = crate::frames::Events::open(app.request("GET", &target)).await;
    events.next().await.unwrap();

    app.parts.bells.ring(Duration::from_secs(30));
    app.parts.bells.ring(Duration::from_secs(4));

    assert_eq!(events.line().await.unwrap(), ": heartbeat");
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_and_without_a_body() {
    let app = App::start();
    let session = app.said().await.session_id;

    for target in [
        "/".to_owned(),
        "/healthz".into(),
        "/readyz".into(),
        "/metrics".into(),
        "/openapi.json".into(),
        "/v1/health".into(),
        "/v1/tools".into(),
        "/v1/sessions".into(),
        format!("/v1/sessions/{session}"),
        format!("/v1/sessions/{session}/events"),
        format!("/v1/sessions/{session}/history"),
        format!("/v1/session/{session}/events"),
    ] {
        let get = app.request("GET", &target).open().await.head;
        let request = app.request("HEAD", &target).header("Connection", "close");
        let mut opened = request.open().await;
        let mut body = Vec::new();
        let read = timeout(Duration::from_secs(10), opened.stream.read_to_end(&mut body)).await;
        read.expect("a body without an end").unwrap();

        assert_eq!((opened.head.status, body.len()), (200, 0), "{target}");
        for name in ["Content-Type", "Content-Length", "Cache-Control"] {
            assert_eq!(opened.head.header(name), get.header(name), "{target}: {name}");
        }
    }
    let nothing = app.request("HEAD", "/nowhere").header("Connection", "close").open().await;
    assert_eq!(nothing.head.status, 404);
    let refused = app.request("POST", "/healthz").send().await;
    assert_eq!(refused.head.header("Allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn body_that_is_waited_for_is_no_head_that_trickles() {
    let app = App::start();
    let body = serde_json::json!({"message": "hi"}).to_string();
    let request = app.request("POST", "/v1/session/message");
    let request = request.header("Content-Type", "application/json");
    let request = request.header("Content-Length", &body.len().to_string());
    let mut interim = request.header("Expect", "100-continue").open().await;
    assert_eq!(interim.head.status, 100);

    app.parts.bells.ring(Duration::from_secs(30));
    let (first, second) = body.split_at(5);
    interim.stream.write_all(first.as_bytes()).await.unwrap();
    tokio::task::yield_now().await;
    interim.stream.write_all(second.as_bytes()).await.unwrap();

    let answer = Opened::of(interim.stream.into_inner()).await;
    assert_eq!(answer.head.status, 202);
}
