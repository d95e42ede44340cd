//! What operators ask, the description of the interface, and the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use soma_web::{ComponentHealth, Health, HealthReport, HealthStatus};

use crate::app::App;

struct Stopping;

#[async_trait]
impl Health for Stopping {
    async fn report(&self) -> HealthReport {
        let (status, detail) = (HealthStatus::Degraded, Some("late".into()));
        let replica = ComponentHealth { status, detail, lag: Some(12), depth: None };
        let outbox = ComponentHealth { depth: Some(3), ..ComponentHealth::default() };
        HealthReport::new(BTreeMap::from([("replica".into(), replica), ("outbox".into(), outbox)]))
    }

    fn not_ready(&self) -> Option<String> {
        Some("it stops".into())
    }
}

#[tokio::test]
async fn gateway_that_stops_is_alive_but_not_ready() {
    let app = App::with(|_, gateway| gateway.health = Arc::new(Stopping));

    let ready = app.get("/readyz").await;

    assert_eq!(app.get("/healthz").await.head.status, 200);
    assert_eq!(ready.refused(503), "not-ready");
    assert_eq!(ready.json()["detail"], "it stops");
    assert_eq!(ready.head.header("Retry-After"), Some("1"));
    assert_eq!(App::start().get("/readyz").await.head.status, 200);
}

#[tokio::test]
async fn health_names_each_component_with_its_figures() {
    let app = App::with(|_, gateway| gateway.health = Arc::new(Stopping));

    let health = app.get("/v1/health").await.json();

    assert_eq!(health["status"], "degraded");
    let replica = serde_json::json!({"status": "degraded", "detail": "late", "lag": 12});
    assert_eq!(health["components"]["replica"], replica);
    assert_eq!(health["components"]["outbox"]["depth"], 3);
}

#[tokio::test]
async fn metrics_are_plain_text() {
    let app = App::start();

    let metrics = app.get("/metrics").await;

    assert_eq!(metrics.head.header("content-type"), Some("text/plain; version=0.0.4"));
    assert_eq!(metrics.body, "soma_turns_total 3\n");
}

#[tokio::test]
async fn page_allows_itself_one_script_and_nothing_else() {
    let app = App::start();

    let page = app.get("/").await;

    let policy = page.head.header("Content-Security-Policy").unwrap();
    assert!(page.body.starts_with("<!doctype html>"));
    assert!(policy.contains("script-src 'sha256-") && policy.contains("connect-src 'self'"));
    assert!(!policy.contains("unsafe"));
}

/// What the document says of a schema: the names of its fields, and those that must be there.
fn fields(document: &Value, schema: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let schema = &document["components"]["schemas"][schema];
    let names = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    (names, required.iter().map(|name| name.as_str().unwrap().to_owned()).collect())
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn answers_have_the_shapes_that_the_document_says() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;
    let document = app.get("/openapi.json").await.json();

    let message = serde_json::json!({"message": "hi"});
    let tool = serde_json::json!({"session_id": turn.session_id, "tool_name": "echo"});
    let base = format!("/v1/sessions/{}", turn.session_id);
    let session = app.get(&base).await.json();
    let events = app.get(&format!("{base}/events")).await.json();
    let tools = app.get("/v1/tools").await.json();
    for (schema, answer) in [
        ("Receipt", app.post("/v1/session/message", &message).await.json()),
        ("ToolReceipt", app.post("/v1/tool/request", &tool).await.json()),
        ("SessionPage", app.get("/v1/sessions").await.json()),
        ("Chain", session["chain"].clone()),
        ("Session", session),
        ("Event", events["events"][0].clone()),
        ("EventPage", events),
        ("History", app.get(&format!("{base}/history")).await.json()),
        ("Cancelled", app.request("POST", &format!("{base}/cancel")).send().await.json()),
        ("Tool", tools["tools"][0].clone()),
        ("Tools", tools),
        ("Status", app.get("/healthz").await.json()),
        ("HealthReport", app.get("/v1/health").await.json()),
    ] {
        let (all, required) = fields(&document, schema);
        assert_eq!(names(&answer), all, "{schema}");
        assert_eq!(all, required, "{schema}");
    }
}

#[tokio::test]
async fn problems_have_the_shape_that_the_document_says() {
    let app = App::start();
    let document = app.get("/openapi.json").await.json();
    let (all, required) = fields(&document, "Problem");

    let problem = app.post("/v1/session/message", &serde_json::json!({})).await.json();

    assert!(names(&problem).is_subset(&all));
    assert!(required.is_subset(&names(&problem)));
}
