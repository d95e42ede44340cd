//! Tools: listed, and asked for by a client.

use std::sync::Arc;

use serde_json::json;
use soma_core::policy::Action;
use soma_inproc::StaticPolicy;
use soma_services::{Composition, Ports};

use crate::app::{App, nowhere};

const REQUEST: &str = "/v1/tool/request";

#[tokio::test]
async fn tools_are_listed_with_their_schemas() {
    let app = App::start();

    let tools = app.get("/v1/tools").await.json();

    assert_eq!(tools["count"], 1);
    assert_eq!(tools["tools"][0]["name"], "echo");
    assert_eq!(tools["tools"][0]["parameters"]["type"], "object");
    assert!(tools["tools"][0]["description"].is_string());
}

#[tokio::test]
async fn request_of_a_tool_is_recorded() {
    let app = App::start();
    let session = app.said().await.session_id;

    let body = json!({"session_id": session, "tool_name": "echo", "args": {"text": "hi"}});
    let answer = app.post(REQUEST, &body).await;

    assert_eq!(answer.head.status, 202);
    let receipt = answer.json();
    assert_eq!(receipt["status"], "enqueued");
    let events = app.get(&format!("/v1/sessions/{session}/events?after=1")).await.json();
    assert_eq!(events["events"][0]["type"], "tool.requested");
    assert_eq!(events["events"][0]["event_id"], receipt["event_id"]);
    assert_eq!(events["events"][0]["metadata"]["call_id"], receipt["call_id"]);
}

#[tokio::test]
async fn request_that_cannot_be_done_is_refused() {
    let app = App::start();
    let session = app.said().await.session_id;

    for (body, expected) in [
        (json!({"session_id": session, "tool_name": "rm"}), (404, "no-such-tool", vec![])),
        (json!({"session_id": nowhere(), "tool_name": "echo"}), (404, "no-such-session", vec![])),
        (json!({}), (422, "invalid-request", vec!["session_id", "tool_name"])),
        (
            json!({"session_id": "x", "tool_name": "echo", "args": [], "arg": 1}),
            (422, "invalid-request", vec!["session_id", "args", "arg"]),
        ),
        (
            json!({"session_id": session, "tool_name": "echo", "args": {"a": "\0"}}),
            (422, "invalid-request", vec!["args"]),
        ),
        (
            json!({"session_id": session, "tool_name": "echo", "args": null}),
            (422, "invalid-request", vec!["args"]),
        ),
        (
            json!({"session_id": session, "tool_name": "echo", "args": {"a": "x".repeat(65536)}}),
            (413, "too-large", vec!["args"]),
        ),
    ] {
        let (status, kind, fields) = app.post(REQUEST, &body).await.problem();
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        assert_eq!((status, kind.as_str(), fields), expected);
    }
}

#[tokio::test]
async fn characters_that_look_like_a_nul_are_none() {
    let app = App::start();
    let session = app.said().await.session_id;

    let body = json!({"session_id": session, "tool_name": "echo", "args": {"text": "\\u0000"}});

    assert_eq!(app.post(REQUEST, &body).await.head.status, 202);
}

#[tokio::test]
async fn denied_request_says_why() {
    let app = App::with(|parts, gateway| {
        let policy = StaticPolicy::allow_all().deny(Action::ToolExecute, "echo is for adults");
        let Composition { ports, settings, world } = parts.composition();
        let ports = Ports { policy: Arc::new(policy), ..ports };
        let changed = Composition { ports, settings, world };
        gateway.request_tool = changed.gateway(&parts.hub, &parts.stop).request_tool;
    });
    let session = app.said().await.session_id;

    let answer = app.post(REQUEST, &json!({"session_id": session, "tool_name": "echo"})).await;

    assert_eq!(answer.refused(403), "denied");
    assert_eq!(answer.json()["detail"], "echo is for adults");
}
