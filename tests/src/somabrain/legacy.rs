//! `/remember` and `/recall` at the root, until generation 2.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Asked;
use super::brain::Brain;
use super::reply::Reply;

/// The fields that survive.
const KEPT: &[&str] = &[
    "task",
    "content",
    "phase",
    "quality_score",
    "domains",
    "reasoning_chain",
    "importance",
    "memory_type",
    "timestamp",
    "universe",
    "who",
    "did",
    "what",
    "where",
    "when",
    "why",
];
/// The longest task, in characters.
const LONGEST: usize = 10_000;
/// How long what was found is found again without looking.
const CACHED: Duration = Duration::from_secs(2);

pub(super) fn remember(brain: &mut Brain, asked: &Asked, stores: usize) -> Reply {
    let body = &asked.body;
    let given = body["payload"].as_object().or(body.as_object()).cloned().unwrap_or_default();
    let kept = given.into_iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    let mut payload: Map<String, Value> = kept.collect();
    let task = payload.get("task").and_then(Value::as_str).map(str::to_owned);
    if task.as_deref().is_some_and(|task| !is_safe(task)) {
        return Reply::detail(400, "task contains unsafe characters");
    }
    let universe = payload.get("universe").or_else(|| body.get("universe"));
    let universe = universe.and_then(Value::as_str).unwrap_or("real").to_owned();
    let key = body["coord"].as_str().map(str::to_owned).or(task);
    let key = key.unwrap_or_else(|| "task".to_owned());
    payload.insert("universe".into(), universe.clone().into());
    if stores > 0 {
        brain.memories.insert((universe, key), payload.into());
    }
    let trace = brain.request_id();
    Reply::ok(&json!({
        "ok": true, "success": true, "namespace": "somabrain_ns", "trace_id": trace,
        "deadline_ms": asked.header("x-deadline-ms"), "queued": false, "breaker_open": false,
        "idempotency_key": asked.header("x-idempotency-key"),
    }))
}

fn is_safe(task: &str) -> bool {
    let safe =
        |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ".,!?'\"()/:_@-".contains(c);
    task.chars().count() <= LONGEST && task.chars().all(safe)
}

#[expect(clippy::disallowed_methods, reason = "the double lives in a time of its own")]
pub(super) fn recall(brain: &mut Brain, asked: &Asked) -> Reply {
    let body = &asked.body;
    let Some(text) = body["query"].as_str() else {
        return Reply::mistake(&["body", "query"], "Field required");
    };
    let universe = body["universe"].as_str().unwrap_or("real").to_owned();
    let most = body["top_k"].as_u64().unwrap_or(3);
    let (key, now) = ((universe, text.to_owned(), most), Instant::now());
    let fresh = |(at, _): &&(Instant, Value)| now.duration_since(*at) < CACHED;
    if let Some((_, cached)) = brain.cache.get(&key).filter(fresh) {
        return Reply::ok(cached);
    }
    let found = brain.search(&key.0, text, usize::try_from(most).unwrap_or(usize::MAX));
    let memory: Vec<Value> = found.into_iter().map(|found| found.payload).collect();
    let answer = json!({
        "wm": [], "memory": memory, "results": memory, "namespace": "somabrain_ns",
        "trace_id": brain.request_id(), "reality": {"ok": true, "sources": 1, "confidence": 1.0},
        "drift": null, "hrr_cleanup": null,
    });
    brain.cache.insert(key, (now, answer.clone()));
    Reply::ok(&answer)
}
