//! Accepting messages.

use std::time::Duration;

use serde_json::json;
use soma_core::ports::rate_limit::Rate;
use soma_core::trace::TraceContext;
use soma_core::turn::input::Input;
use soma_core::work::backlog::BacklogLimits;
use soma_services::{Composition, Settings};

use crate::app::{App, turn_of};

const MESSAGE: &str = "/v1/session/message";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn accepted_message_is_recorded() {
    let app = App::start();

    let body = json!({
        "persona_id": "ada",
        "message": "What is the time?",
        "attachments": ["a1"],
        "metadata": {"client": "test"},
        "when_busy": "enqueue",
    });
    let answer = app.post(MESSAGE, &body).await;

    assert_eq!(answer.head.status, 202);
    let receipt = answer.json();
    let session = receipt["session_id"].as_str().unwrap();
    let events = app.get(&format!("/v1/sessions/{session}/events")).await.json();
    let event = &events["events"][0];
    assert_eq!(event["event_id"], receipt["event_id"]);
    assert_eq!(event["turn_id"], receipt["turn_id"]);
    assert_eq!(event["message"], "What is the time?");
    assert_eq!(event["persona_id"], "ada");
}

#[tokio::test]
async fn message_belongs_to_the_trace_of_its_request() {
    let app = App::start();
    for (parent, read) in [(PARENT, Some(PARENT)), ("nonsense", None)] {
        let request = app.request("POST", MESSAGE).json(&json!({"message": "hi"}));

        let answer = request.header("traceparent", parent).send().await;

        assert_eq!(answer.head.status, 202, "a trace is no reason to refuse a message");
        let turn = app.parts.store_turn(turn_of(&answer.json()["turn_id"])).await;
        let Input::Accepted(accepted) = &turn.inputs[0].input else { panic!("{turn:?}") };
        assert_eq!(accepted.trace.as_ref().map(TraceContext::traceparent), read);
    }
}

#[tokio::test]
async fn message_may_have_any_text_up_to_its_limit() {
    let app = App::start();

    for text in ["\u{1}\u{7f}\u{feff}\u{202e}𝄞", "a\r\n\r\ndata: x", &"é".repeat(128 * 1024)] {
        let receipt = app.post(MESSAGE, &json!({"message": text})).await.json();
        let session = receipt["session_id"].as_str().unwrap();
        let history = app.get(&format!("/v1/sessions/{session}/history")).await.json();

        assert_eq!(history["events"][0]["message"], text);
    }
}

/// What a body becomes that is written like this.
async fn said(app: &App, body: &str) -> String {
    let request = app.request("POST", MESSAGE).header("Content-Type", "application/json");
    let receipt = request.bytes(body).send().await;
    assert_eq!(receipt.head.status, 202, "{}", receipt.body);
    let session = receipt.json()["session_id"].as_str().unwrap().to_owned();
    let history = app.get(&format!("/v1/sessions/{session}/history")).await.json();
    history["events"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn body_is_read_however_it_is_written() {
    let app = App::start();
    let escaped = "\\u0061".repeat(256 * 1024);

    for (body, text) in [
        ("\u{feff}{\"message\": \"hi\"}", "hi"),
        (r#"{"message": "half \ud83d an emoji"}"#, "half \u{fffd} an emoji"),
        (r#"{"message": "whole \ud83d\ude00"}"#, "whole 😀"),
        (
            r#"{"message": "as text: \\u0000", "metadata": {"\\u0000": "\\u0000"}}"#,
            "as text: \\u0000",
        ),
        (&format!(r#"{{"message": "{escaped}"}}"#), &"a".repeat(256 * 1024)),
    ] {
        assert!(said(&app, body).await == text, "{}", &body[..40.min(body.len())]);
    }
}

#[tokio::test]
async fn repeated_key_gets_the_first_answer() {
    let app = App::start();
    let send = |text| {
        let request = app.request("POST", MESSAGE).json(&json!({"message": text}));
        request.header("Idempotency-Key", "key-1").send()
    };

    let (first, again, other) = (send("hi").await, send("hi").await, send("bye").await);

    assert_eq!(first.head.status, 202);
    assert_eq!(again.head.status, 202);
    assert_eq!(first.body, again.body);
    assert_eq!(other.refused(409), "key-reused");
}

#[tokio::test]
async fn key_that_is_none_is_named() {
    let app = App::start();

    for key in ["", "a b", "ä", &"x".repeat(256)] {
        let request = app.request("POST", MESSAGE).json(&json!({"message": "hi"}));
        let problem = request.header("Idempotency-Key", key).send().await.problem();
        assert_eq!(problem, (422, "invalid-request".into(), vec!["Idempotency-Key".into()]));
    }
}

#[tokio::test]
async fn client_says_what_happens_while_a_turn_runs() {
    let app = App::start();
    let running = app.said().await;
    let send = |when| {
        let session = running.session_id;
        let body = json!({"message": "more", "session_id": session, "when_busy": when});
        app.request("POST", MESSAGE).json(&body).send()
    };

    let (rejected, waiting, first) =
        (send("reject").await, send("enqueue").await, send("interrupt").await);

    assert_eq!(rejected.refused(409), "session-busy");
    assert_eq!(waiting.head.status, 202);
    assert_eq!(first.head.status, 202);
    let turn = app.parts.store_turn(running.turn_id).await;
    assert!(turn.cancel_requested);
    let next = app.parts.store_turn(turn_of(&waiting.json()["turn_id"])).await;
    assert!(!next.cancel_requested);
}

#[tokio::test]
async fn clients_do_not_say_who_they_are() {
    let app = App::start();

    let request = app.request("POST", MESSAGE).json(&json!({"message": "hi"}));
    let request = request.header("X-Tenant-ID", "rival").header("Authorization", "Bearer rival");
    let receipt = request.send().await.json();

    let session = receipt["session_id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v1/sessions/{session}")).await.head.status, 200);
}

#[tokio::test]
async fn too_many_messages_are_refused_for_a_while() {
    let app = App::with(|parts, gateway| {
        let rate = Rate { requests: 2, per: Duration::from_mins(1) };
        let Composition { ports, settings, world } = parts.composition();
        let settings = Settings { rate: Some(rate), ..settings };
        let limited = Composition { ports, settings, world };
        gateway.submit_message = limited.gateway(&parts.hub, &parts.stop).submit;
    });
    let body = json!({"message": "hi"});

    let before = [app.post(MESSAGE, &body).await, app.post(MESSAGE, &body).await];
    let refused = app.post(MESSAGE, &body).await;
    app.parts.clock.advance(Duration::from_mins(1));
    let after = app.post(MESSAGE, &body).await;

    assert!(before.iter().all(|answer| answer.head.status == 202));
    assert_eq!(refused.refused(429), "too-many-requests");
    assert_eq!(refused.head.header("Retry-After"), Some("60"));
    assert_eq!(after.head.status, 202);
}

#[tokio::test]
async fn too_much_waiting_is_refused_with_the_time_to_come_back() {
    let tenant = BacklogLimits { per_tenant: 1, ..BacklogLimits::default() };
    let all = BacklogLimits { in_all: 1, ..BacklogLimits::default() };
    for (limits, status, problem) in [(tenant, 429, "too-many-requests"), (all, 503, "overloaded")]
    {
        let app = App::with(|parts, gateway| {
            let Composition { ports, settings, world } = parts.composition();
            let settings = Settings { backlog: Some(limits), ..settings };
            let limited = Composition { ports, settings, world };
            gateway.submit_message = limited.gateway(&parts.hub, &parts.stop).submit;
        });
        let body = json!({"message": "hi"});

        let accepted = app.post(MESSAGE, &body).await;
        let refused = app.post(MESSAGE, &body).await;

        assert_eq!(accepted.head.status, 202);
        assert_eq!(refused.refused(status), problem);
        assert_eq!(refused.head.header("Retry-After"), Some("10"));
    }
}
