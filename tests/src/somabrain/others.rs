//! What else it serves: health, metrics, personas, the constitution.

use serde_json::{Value, json};

use super::Asked;
use super::brain::{Brain, now};
use super::coordinate::coordinate;
use super::reply::Reply;

/// Answers what is neither remembered nor recalled; nothing if it does not know the path.
pub(super) fn answer(brain: &mut Brain, asked: &Asked, path: &str) -> Option<Reply> {
    let method = asked.method.as_str();
    if let Some(id) = path.strip_prefix("/persona/") {
        return Some(persona(brain, asked, id));
    }
    Some(match (method, path) {
        ("GET", "/healthz") if brain.generation.is_django() => {
            Reply::ok(&json!({"status": "healthy", "timestamp": now()}))
        }
        ("GET", "/health" | "/healthz") => Reply::ok(&health(brain)),
        ("GET", "/readyz") if brain.generation.is_django() => {
            Reply::ok(&json!({"status": "ready", "checks": {}}))
        }
        ("GET", "/metrics") => Reply::text(200, "text/plain", "somabrain_http_requests_total 0\n"),
        ("GET", "/memory/metrics") => metrics(brain, asked),
        ("GET", "/constitution/version") => Reply::ok(&version(brain)),
        ("POST", "/constitution/load") => {
            brain.constitution = Some(asked.body.clone());
            Reply::ok(&json!({"status": "saved", "checksum": checksum(&asked.body)}))
        }
        ("POST", "/constitution/validate") if asked.body["input"].is_object() => {
            Reply::ok(&json!({"allowed": true, "explain": {}}))
        }
        ("POST", "/constitution/validate") => Reply::mistake(&["body", "input"], "Field required"),
        _ => return None,
    })
}

/// Both stacks' fields that are read; what it says of Kafka is never true.
fn health(brain: &Brain) -> Value {
    let mut health = json!({
        "ok": true, "ready": true, "memory_ok": true, "memory_circuit_open": false,
        "kafka_ok": true, "postgres_ok": true, "opa_ok": true,
    });
    if brain.generation.is_django() {
        health["status"] = "healthy".into();
        health["version"] = "1.0.0".into();
    } else {
        health["components"] = json!({"memory": {"http": true}, "api_version": 1});
    }
    health
}

fn metrics(brain: &Brain, asked: &Asked) -> Reply {
    let given = |name: &str| {
        let pairs = asked.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(field, _)| *field == name).map(|(_, value)| value.to_owned()).next()
    };
    match (given("tenant"), given("namespace")) {
        (Some(tenant), Some(namespace)) => {
            let items = brain.working.get(&tenant).map_or(0, std::collections::VecDeque::len);
            Reply::ok(&json!({"tenant": tenant, "namespace": namespace, "wm_items": items,
                "circuit_open": false}))
        }
        _ if brain.generation.is_django() => {
            Reply::ok(&json!({"wm_items": 0, "circuit_open": false}))
        }
        _ => Reply::mistake(&["query", "tenant"], "Field required"),
    }
}

fn version(brain: &Brain) -> Value {
    let loaded = brain.constitution.as_ref();
    json!({
        "constitution_version": loaded.map(checksum),
        "constitution_status": if loaded.is_some() { "loaded" } else { "not-loaded" },
        "constitution_signatures": [],
    })
}

fn persona(brain: &mut Brain, asked: &Asked, id: &str) -> Reply {
    match asked.method.as_str() {
        "PUT" => {
            let known = brain.personas.get(id).map(checksum);
            if asked.header("if-match").is_some_and(|tag| known.as_deref() != Some(tag)) {
                return Reply::detail(412, "ETag mismatch");
            }
            if !asked.body["id"].is_string() {
                return Reply::mistake(&["body", "id"], "Field required");
            }
            brain.personas.insert(id.to_owned(), asked.body.clone());
            let answer = Reply::ok(&json!({"ok": true, "persona": asked.body}));
            answer.with("etag", &checksum(&asked.body))
        }
        "DELETE" => {
            brain.personas.remove(id);
            Reply::ok(&json!({"ok": true}))
        }
        _ if brain.generation.is_django() => Reply::page(500),
        _ => Reply::detail(404, "persona not found"),
    }
}

/// A text that is the same for the same document only.
fn checksum(document: &Value) -> String {
    format!("{:?}", coordinate("document", &document.to_string()))
}
