//! Generations 0 to 2: `FastAPI`, everything at the root.

use serde_json::{Value, json};

use super::brain::{Brain, Sender};
use super::reply::Reply;
use super::search::Found;
use super::{Asked, Generation, legacy, openapi, others};

/// What the G1 and G2 give a memory that is found by its key.
const PINNED: f64 = 1e9;
/// The shortest query that is taken for a key, in bytes.
const SHORTEST_KEY: usize = 6;

pub(super) fn answer(brain: &mut Brain, asked: &Asked, stores: usize) -> Reply {
    if let Some(refusal) = refusal(brain, asked) {
        return refusal;
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/openapi.json") => Reply::ok(&openapi::document(brain.generation)),
        ("POST", "/memory/remember") => remember(brain, asked, true, stores),
        ("POST", "/memory/remember/batch") => remember(brain, asked, false, stores),
        ("POST", "/memory/recall" | "/memory/recall/stream") => recall(brain, asked),
        ("POST", "/remember") => legacy::remember(brain, asked, stores),
        ("POST", "/recall") => legacy::recall(brain, asked),
        _ => others::answer(brain, asked, &asked.path)
            .unwrap_or_else(|| Reply::detail(404, "Not Found")),
    }
}

/// Why who asks may not; many routes ask nobody.
fn refusal(brain: &Brain, asked: &Asked) -> Option<Reply> {
    const OPEN: &[&str] = &[
        "/memory/remember",
        "/memory/metrics",
        "/health",
        "/metrics",
        "/constitution",
        "/openapi",
    ];
    let open = OPEN.iter().any(|path| asked.path.starts_with(path))
        || (brain.generation == Generation::G0 && asked.path.starts_with("/memory/recall"));
    let token = brain.token.as_ref().filter(|_| !open)?;
    match asked.header("authorization") {
        None => Some(Reply::detail(401, "missing bearer token")),
        Some(given) if given != format!("Bearer {token}") => {
            Some(Reply::detail(403, "invalid token"))
        }
        Some(_) => None,
    }
}

fn remember(brain: &mut Brain, asked: &Asked, single: bool, stores: usize) -> Reply {
    if brain.generation < Generation::G2 {
        return Reply::detail(503, "memory pool unavailable");
    }
    match taken(brain, &asked.body, single, stores) {
        Ok(answer) => Reply::ok(&answer),
        Err(mistake) => mistake,
    }
}

/// Takes a single memory or a batch. Returns what is said of it, or the first mistake in it.
pub(super) fn taken(
    brain: &mut Brain,
    body: &Value,
    single: bool,
    stores: usize,
) -> Result<Value, Reply> {
    let required = |value: &Value, place: &[&str]| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Reply::mistake(place, "Field required")),
    };
    let tenant = required(&body["tenant"], &["body", "tenant"])?;
    let namespace = required(&body["namespace"], &["body", "namespace"])?;
    let universe = body["universe"].as_str().unwrap_or("real").to_owned();
    let alone = std::slice::from_ref(body);
    let several = body["items"].as_array().map_or(&[][..], Vec::as_slice);
    let items = if single { alone } else { several };
    if items.is_empty() {
        return Err(Reply::mistake(&["body", "items"], "at least 1 item"));
    }
    for item in items {
        required(&item["key"], &["body", "items", "key"])?;
        if !item["value"].is_object() {
            return Err(Reply::mistake(&["body", "items", "value"], "a dictionary is wanted"));
        }
    }
    let sender = Sender { tenant: &tenant, namespace: &namespace, universe: &universe, stores };
    let results: Vec<Value> =
        (0..).zip(items).map(|(number, item)| brain.remember(&sender, number, item)).collect();
    let mut answer = match results.first() {
        Some(result) if single => result.clone(),
        _ => json!({"results": results}),
    };
    answer["ok"] = true.into();
    answer["tenant"] = tenant.into();
    answer["namespace"] = namespace.into();
    Ok(answer)
}

/// What is looked for, and how much of it.
struct Question {
    text: String,
    most: u64,
    universe: String,
}

/// Reads what is asked as the generation does.
fn question(brain: &mut Brain, asked: &Asked) -> Result<Question, Reply> {
    let body = &asked.body;
    let universe = body["universe"].as_str().unwrap_or("real").to_owned();
    let in_query = asked.query.strip_prefix("payload=").map(unescaped);
    match (brain.generation, in_query) {
        (Generation::G1, Some(text)) => Ok(Question { text, most: 10, universe }),
        (Generation::G1, None) => Err(Reply::mistake(&["query", "payload"], "Field required")),
        (_, Some(_)) => Err(Reply::mistake(&["body"], "Field required")),
        (Generation::G0, None) => {
            let most = body["top_k"].as_u64().unwrap_or(3);
            let text = body["query"].as_str().filter(|_| (1..=50).contains(&most));
            let text = text.ok_or_else(|| Reply::mistake(&["body", "top_k"], "1 to 50"))?;
            Ok(Question { text: text.to_owned(), most, universe })
        }
        (_, None) => {
            let complete = ["retrievers", "rerank", "persist"];
            if body.is_object() && !complete.iter().all(|name| body.get(*name).is_some()) {
                let id = brain.request_id();
                return Err(Reply::json(
                    500,
                    &json!({"error": "Cognitive processing error", "request_id": id,
                        "recovery_suggestions": []}),
                ));
            }
            let text = body.as_str().or(body["query"].as_str()).or(body["q"].as_str());
            let most = body["top_k"].as_u64().unwrap_or(10);
            Ok(Question { text: text.unwrap_or_default().to_owned(), most, universe })
        }
    }
}

fn recall(brain: &mut Brain, asked: &Asked) -> Reply {
    let body = &asked.body;
    let Question { text, most, universe } = match question(brain, asked) {
        Ok(question) => question,
        Err(refusal) => return refusal,
    };
    let mut results = pinned(brain, &universe, &text);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let found = brain.search(&universe, &text, most);
    results.extend(found.into_iter().map(|one| result("ltm", "vector", one)));
    let long = results.len();
    let tenant = asked.header("x-tenant-id").unwrap_or("public").to_owned();
    if body["retrievers"].as_array().is_some_and(|all| all.contains(&"wm".into())) {
        let working = brain.working.get(&tenant).into_iter().flatten().cloned();
        let working = working.map(|payload| Found { score: 1.0, payload });
        results.extend(working.map(|one| result("wm", "wm", one)));
    }
    if body["persist"] == true {
        let place = (universe, format!("recall {}", brain.request_id()));
        brain.memories.insert(place, json!({"task": format!("Recall session {text}")}));
    }
    Reply::ok(&json!({
        "tenant": tenant, "namespace": format!("somabrain_ns:{tenant}"),
        "wm_hits": results.len() - long, "ltm_hits": long, "total_results": results.len(),
        "results": results, "duration_ms": 0.1, "session_id": "", "scoring_mode": null,
        "chunk_index": 0, "has_more": false, "chunk_size": null, "conversation_id": null,
    }))
}

/// What has the query as its key, or a stand-in for it that the server makes up.
fn pinned(brain: &Brain, universe: &str, text: &str) -> Vec<Value> {
    let is_key = text.len() >= SHORTEST_KEY && !text.contains(char::is_whitespace);
    if !is_key || brain.generation == Generation::G0 {
        return Vec::new();
    }
    let stored = brain.memories.get(&(universe.to_owned(), text.to_owned()));
    let payload = stored.cloned().unwrap_or_else(|| json!({"task": text}));
    vec![result("ltm", "exact", Found { score: PINNED, payload })]
}

fn result(layer: &str, source: &str, found: Found) -> Value {
    let Found { score, payload } = found;
    let coordinate = if layer == "wm" { Value::Null } else { payload["coordinate"].clone() };
    json!({"layer": layer, "score": score, "payload": payload, "coordinate": coordinate,
        "source": source, "confidence": score, "novelty": null, "affinity": null})
}

/// A value of a query as it was before it was escaped.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
