//! Every refusal is a problem document, and changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use soma_core::flows::authenticate::Authenticate;
use soma_core::identity::credentials::Credentials;
use soma_core::identity::{Principal, Scope};
use soma_core::ports::{Authenticator, PortError, PortResult};
use soma_inproc::InprocAuthenticator;

use crate::app::{App, nowhere, principal};
use crate::client::Request;
use crate::faulty::{Fault, SECRET};

const MESSAGE: &str = "/v1/session/message";

fn post(app: &App, body: impl Into<Vec<u8>>) -> Request {
    app.request("POST", MESSAGE).header("Content-Type", "application/json").bytes(body)
}

/// How many sessions there are.
async fn sessions(app: &App) -> usize {
    app.get("/v1/sessions").await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn body_that_is_no_json_object_is_refused() {
    let app = App::start();

    let deep =
        format!(r#"{{"message":"hi","metadata":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    for body in ["", "{", "hello", "[]", "\"text\"", r#"{"message":"hi"}}"#, deep.as_str()] {
        let answer = post(&app, body).send().await;
        assert_eq!(answer.refused(400), "invalid-json", "{body}");
    }
    assert_eq!(post(&app, b"{\"message\":\"\xff\xfe\"}").send().await.refused(400), "invalid-json");
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let app = App::start();

    for (body, wrong) in [
        (json!({}), vec!["message"]),
        (json!({"message": null}), vec!["message"]),
        (json!({"message": 1, "session_id": "x"}), vec!["session_id", "message"]),
        (json!({"message": "hi", "persona_id": "a b"}), vec!["persona_id"]),
        (json!({"message": "hi", "attachments": "x"}), vec!["attachments"]),
        (json!({"message": "hi", "attachments": [1]}), vec!["attachments"]),
        (json!({"message": "hi", "metadata": []}), vec!["metadata"]),
        (json!({"message": "hi", "when_busy": "wait"}), vec!["when_busy"]),
        (json!({"message": "hi", "mesage": "hi", "tenant": "x"}), vec!["mesage", "tenant"]),
        (json!({"message": "hi", "metadata": null}), vec!["metadata"]),
        (json!({"message": "hi", "attachments": null}), vec!["attachments"]),
        (json!({"message": "  "}), vec!["message"]),
        (json!({"message": "\u{200b}\u{feff}\n"}), vec!["message"]),
        (json!({"message": "hi", "metadata": {"a\0": 1}}), vec!["metadata"]),
        (json!({"message": "a\0b"}), vec!["message"]),
        (json!({"message": "hi", "metadata": {"a": "\0"}}), vec!["metadata"]),
        (json!({"message": "hi", "attachments": vec!["a"; 33]}), vec!["attachments"]),
    ] {
        let (status, kind, fields) = app.post(MESSAGE, &body).await.problem();
        assert_eq!((status, kind.as_str(), fields), (422, "invalid-request", as_texts(wrong)));
    }
    assert_eq!(sessions(&app).await, 0);
}

fn as_texts(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let app = App::start();

    let message = app.post(MESSAGE, &json!({"message": "x".repeat(256 * 1024 + 1)})).await;
    let metadata = json!({"message": "hi", "metadata": {"a": "x".repeat(16 * 1024)}});
    let metadata = app.post(MESSAGE, &metadata).await;
    let body = post(&app, vec![b' '; 2 * 1024 * 1024 + 1]).send().await;

    assert_eq!(message.problem(), (413, "too-large".into(), vec!["message".into()]));
    assert_eq!(metadata.problem(), (413, "too-large".into(), vec!["metadata".into()]));
    assert_eq!(body.refused(413), "too-large");
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let app = App::start();

    let request = app.request("POST", MESSAGE).header("Content-Type", "application/json");
    let answer = request.header("Content-Length", "10000000000").open().await.read().await;

    assert_eq!(answer.refused(413), "too-large");
}

#[tokio::test]
async fn body_without_a_length_is_refused_once_it_is_too_large() {
    let app = App::start();

    let chunk = "x".repeat(2 * 1024 * 1024 + 1);
    let request = app.request("POST", MESSAGE).header("Content-Type", "application/json");
    let request = request.bytes(format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    let request = request.without("Content-Length").header("Transfer-Encoding", "chunked");
    let answer = request.open().await.read().await;

    assert_eq!(answer.refused(413), "too-large");
}

#[tokio::test]
async fn body_that_does_not_arrive_is_not_waited_for() {
    let app = App::start();

    let request = app.request("POST", MESSAGE).header("Content-Type", "application/json");
    app.parts.bells.ring(Duration::from_secs(10));
    let answer = request.header("Content-Length", "100").open().await.read().await;

    assert_eq!(answer.refused(408), "slow-body");
}

#[tokio::test]
async fn body_that_is_encoded_is_refused_with_what_is_understood() {
    let app = App::start();
    let body = json!({"message": "hi"}).to_string();
    let with = |encoding| post(&app, body.clone()).header("Content-Encoding", encoding).send();

    for encoding in ["gzip", "br", "deflate", "identity, gzip", "zstd", "x"] {
        let answer = with(encoding).await;
        assert_eq!(answer.refused(415), "unsupported-media-type", "{encoding}");
        assert_eq!(answer.head.header("Accept-Encoding"), Some("identity"));
    }
    for encoding in ["identity", "Identity", ""] {
        assert_eq!(with(encoding).await.head.status, 202, "{encoding}");
    }
}

#[tokio::test]
async fn body_must_be_declared_to_be_json() {
    let app = App::start();
    let body = json!({"message": "hi"}).to_string();

    let with = |kind| post(&app, body.clone()).header("Content-Type", kind).send();

    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        assert_eq!(with(kind).await.refused(415), "unsupported-media-type", "{kind}");
    }
    let none = post(&app, body.clone()).without("Content-Type").send().await;
    assert_eq!(none.refused(415), "unsupported-media-type");
    assert_eq!(with("Application/JSON; charset=utf-8").await.head.status, 202);
}

#[tokio::test]
async fn id_that_is_none_is_named() {
    let app = App::start();

    for (method, target) in [
        ("GET", "/v1/session/x/events"),
        ("GET", "/v1/session/x/stream"),
        ("GET", "/v1/sessions/x"),
        ("DELETE", "/v1/sessions/x"),
        ("GET", "/v1/sessions/x/events"),
        ("GET", "/v1/sessions/%00/history"),
        ("POST", "/v1/sessions/x/cancel"),
    ] {
        let problem = app.request(method, target).send().await.problem();
        assert_eq!(problem, (422, "invalid-request".into(), vec!["session_id".into()]), "{target}");
    }
}

#[tokio::test]
async fn another_tenants_session_looks_like_none() {
    let app = App::start();
    let theirs = app.said_by("rival", None).await.session_id;

    for (method, target) in [
        ("GET", "/v1/session/ID/events"),
        ("GET", "/v1/sessions/ID"),
        ("DELETE", "/v1/sessions/ID"),
        ("GET", "/v1/sessions/ID/events"),
        ("GET", "/v1/sessions/ID/history"),
        ("POST", "/v1/sessions/ID/cancel"),
    ] {
        let of = |id: String| app.request(method, &target.replace("ID", &id)).send();
        let (found, missing) = (of(theirs.to_string()).await, of(nowhere().to_string()).await);

        assert_eq!(found.refused(404), "no-such-session", "{method} {target}");
        assert_eq!(found.body, missing.body, "{method} {target}");
    }
    let say = |id| json!({"message": "hi", "session_id": id});
    let (found, missing) =
        (app.post(MESSAGE, &say(theirs)).await, app.post(MESSAGE, &say(nowhere())).await);
    assert_eq!(found.refused(404), "no-such-session");
    assert_eq!(found.body, missing.body);
}

#[tokio::test]
async fn unknown_address_and_method_are_problems() {
    let app = App::start();

    let method = app.request("PUT", "/v1/sessions/x").send().await;

    assert_eq!(app.get("/v1/nothing").await.refused(404), "no-such-route");
    assert_eq!(app.get("/v1/sessions/").await.refused(404), "no-such-route");
    assert_eq!(method.refused(405), "method-not-allowed");
    assert_eq!(method.head.header("Allow"), Some("GET, DELETE, HEAD"));
}

#[tokio::test]
async fn part_that_is_away_is_waited_for() {
    for fault in [Fault::Unavailable, Fault::Ambiguous] {
        let app = App::start();
        app.parts.faults.fail(fault);

        let body = json!({"message": "hi"});
        let written = app.while_time_passes(app.post(MESSAGE, &body)).await;
        let read = app.get("/v1/sessions").await;

        for answer in [written, read] {
            assert_eq!(answer.refused(503), "unavailable", "{fault:?}");
            assert_eq!(answer.head.header("Retry-After"), Some("1"));
            assert!(!answer.body.contains(SECRET));
        }
    }
}

#[tokio::test]
async fn what_is_broken_is_not_told_to_clients() {
    let app = App::start();
    app.parts.faults.fail(Fault::Broken);

    for answer in [
        app.post(MESSAGE, &json!({"message": "hi"})).await,
        app.get(&format!("/v1/sessions/{}", nowhere())).await,
    ] {
        assert_eq!(answer.refused(500), "internal");
        assert!(!answer.body.contains(SECRET) && !answer.body.contains("reading"));
    }
}

/// A gateway that knows one key for chatting, and one for operating only.
fn with_keys() -> App {
    App::with(|_, gateway| {
        let key = |key: &str| Credentials::ApiKey(key.into());
        let operator = Principal { scopes: BTreeSet::from([Scope::Admin]), ..principal("acme") };
        let known = InprocAuthenticator::default()
            .with(key("sk_ada"), principal("acme"))
            .with(key("sk_ops"), operator);
        gateway.authenticate = Authenticate::new(Arc::new(known));
    })
}

#[tokio::test]
async fn caller_without_credentials_is_refused_where_they_are_needed() {
    let app = with_keys();

    for target in ["/v1/sessions", "/v1/tools", "/v1/session/x/events"] {
        assert_eq!(app.get(target).await.refused(401), "unauthenticated", "{target}");
    }
    let message = app.post(MESSAGE, &json!({"message": "hi"})).await;
    assert_eq!(message.refused(401), "unauthenticated");
    for target in ["/healthz", "/readyz", "/v1/health", "/metrics", "/openapi.json", "/"] {
        assert_eq!(app.get(target).await.head.status, 200, "{target}");
    }
}

#[tokio::test]
async fn caller_with_a_key_is_let_in_as_far_as_its_scopes_go() {
    let app = with_keys();

    let with = |key: &str| app.request("GET", "/v1/sessions").header("X-API-Key", key).send();

    assert_eq!(with("sk_ada").await.head.status, 200);
    assert_eq!(with("sk_ops").await.refused(403), "out-of-scope");
    assert_eq!(with("sk_eve").await.refused(401), "unauthenticated");
}

#[tokio::test]
async fn caller_whose_credentials_cannot_be_checked_may_come_back() {
    let app = App::with(|_, gateway| gateway.authenticate = Authenticate::new(Arc::new(Away)));

    let answer = app.get("/v1/sessions").await;

    assert_eq!(answer.refused(503), "unavailable");
    assert!(answer.head.header("retry-after").is_some());
}

/// Cannot tell.
struct Away;

#[async_trait]
impl Authenticator for Away {
    async fn principal(&self, _credentials: &Credentials) -> PortResult<Option<Principal>> {
        Err(PortError::Broken { what: "looking up a key", source: SECRET.into() })
    }
}
