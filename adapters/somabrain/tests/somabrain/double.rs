//! The double does as real servers did: transport, shapes, and what they do wrong.

use Generation::{G0, G1, G2, G3, G4};
use serde_json::{Value, json};
use soma_tests::somabrain::{Generation, SomaBrain};

async fn ask(brain: &SomaBrain, method: &str, path: &str, body: &Value) -> (u16, String) {
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", brain.base_url());
    let request = client.request(method.parse().unwrap(), url).header("x-tenant-id", "acme");
    let request = if body.is_null() { request } else { request.json(body) };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn item() -> Value {
    json!({"tenant": "acme", "namespace": "wm", "key": "key-1", "universe": "u1",
        "value": {"text": "the heron"}})
}

fn whole() -> Value {
    json!({"query": "heron", "top_k": 5, "universe": "u1", "namespace": "wm", "layer": "ltm",
        "retrievers": ["vector", "wm"], "rerank": "cosine", "persist": false})
}

/// What each generation answers: the status, and a part of the body.
#[tokio::test]
async fn answers_are_those_of_the_generation() {
    let legacy = json!({"payload": {"task": "the heron", "universe": "u1", "odd": 1}});
    let accented = json!({"payload": {"task": "h\u{e9}ron"}});
    let query = json!({"query": "heron", "universe": "u1"});
    let nothing = Value::Null;
    for (generation, method, path, body, status, part) in [
        (G0, "POST", "/memory/remember", item(), 503, "memory pool unavailable"),
        (G1, "POST", "/memory/remember", item(), 503, "memory pool unavailable"),
        (G2, "POST", "/memory/remember", item(), 200, "\"persisted_to_ltm\":true"),
        (G2, "POST", "/memory/remember", json!({"tenant": "acme"}), 422, "Field required"),
        (G3, "POST", "/api/memory/remember", item(), 200, "\"deduplicated\":false"),
        (G3, "POST", "/memory/remember", item(), 404, "<h1>404</h1>"),
        (G4, "POST", "/memory/remember", item(), 200, "\"queued_for_ltm\":false"),
        (G0, "POST", "/memory/recall", json!({"query": "x", "top_k": 51}), 422, "1 to 50"),
        (G1, "POST", "/memory/recall", query.clone(), 422, "[\"query\",\"payload\"]"),
        (G1, "POST", "/memory/recall?payload=a%20b", nothing.clone(), 200, "\"results\":[]"),
        (G2, "POST", "/memory/recall?payload=a", nothing.clone(), 422, "[\"body\"]"),
        (G2, "POST", "/memory/recall", query.clone(), 500, "Cognitive processing error"),
        (G2, "POST", "/memory/recall", whole(), 200, "somabrain_ns:acme"),
        (G4, "POST", "/memory/recall?payload=a", nothing.clone(), 422, "[\"body\",\"payload\"]"),
        (G4, "POST", "/memory/recall", whole(), 200, "\"degraded\":false"),
        (G1, "POST", "/remember", legacy.clone(), 200, "\"success\":true"),
        (G1, "POST", "/remember", accented, 400, "unsafe characters"),
        (G4, "POST", "/remember", legacy, 404, "<h1>404</h1>"),
        (G2, "POST", "/recall", query, 200, "\"memory\":[]"),
        (G2, "GET", "/healthz", nothing.clone(), 200, "\"api_version\":1"),
        (G4, "GET", "/healthz", nothing.clone(), 200, "\"status\":\"healthy\""),
        (G2, "GET", "/memory/metrics", nothing.clone(), 422, "Field required"),
        (G4, "GET", "/persona/p", nothing.clone(), 500, "<h1>500</h1>"),
        (G2, "PUT", "/persona/p", json!({"fact": "persona"}), 422, "Field required"),
        (G2, "GET", "/constitution/version", nothing.clone(), 200, "not-loaded"),
        (G2, "POST", "/delete", json!({"coordinate": [0, 0, 0]}), 404, "Not Found"),
    ] {
        let brain = SomaBrain::start(generation).unwrap();

        let (answered, text) = ask(&brain, method, path, &body).await;

        assert_eq!(answered, status, "{generation:?} {path}: {text}");
        assert!(text.contains(part), "{generation:?} {path}: {text}");
    }
}

/// The working memory is noise, and what has the key of the query is pinned, even if there is none.
#[tokio::test]
async fn recall_has_noise_and_pins() {
    let brain = SomaBrain::start(G2).unwrap();
    for _ in 0..2 {
        ask(&brain, "POST", "/memory/remember", &item()).await;
    }
    assert_eq!(brain.stored().len(), 1, "the same key is the same memory");

    let (_, text) = ask(&brain, "POST", "/memory/recall", &whole()).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&found["ltm_hits"], &found["wm_hits"]), (&json!(1), &json!(2)));
    assert!(found["results"][0]["score"].as_f64().unwrap() < 0.5, "{found}");

    let mut pinned = whole();
    pinned["query"] = "no-such-key".into();
    let (_, text) = ask(&brain, "POST", "/memory/recall", &pinned).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["results"][0]["score"], 1e9);
    assert_eq!(found["results"][0]["payload"], json!({"task": "no-such-key"}));
}

/// Faults can be scripted over HTTP, too, and what was asked can be read.
#[tokio::test]
async fn faults_are_scripted_over_http() {
    let brain = SomaBrain::start(G4).unwrap();
    let rule = json!({"path": "/healthz", "fault": {"answer":
        {"status": 503, "headers": [], "body": "policy deny"}}, "after": 1, "times": 1});
    assert_eq!(ask(&brain, "POST", "/control/rules", &rule).await.0, 200);

    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(ask(&brain, "GET", "/healthz", &Value::Null).await.0);
    }

    assert_eq!(statuses, [200, 503, 200]);
    let (_, asked) = ask(&brain, "GET", "/control/asked", &Value::Null).await;
    assert_eq!(asked.matches("\"/healthz\"").count(), 3, "{asked}");
}
