//! Generations 3 and 4: Django, everything below `/api`, and in generation 4 also at the root.

use serde_json::{Value, json};

use super::brain::Brain;
use super::fast::taken;
use super::reply::Reply;
use super::search::Found;
use super::{Asked, Generation, openapi, others};

/// The longest body that it takes, in bytes.
const LONGEST: usize = 2_621_440;
/// How many are recalled if nothing is said.
const USUAL: u64 = 10;

pub(super) fn answer(brain: &mut Brain, asked: &Asked, length: usize, stores: usize) -> Reply {
    if length > LONGEST {
        return Reply::page(400);
    }
    let below_api = asked.path.strip_prefix("/api");
    let at_root = (brain.generation == Generation::G4).then_some(asked.path.as_str());
    let open = ["/health", "/healthz", "/readyz", "/metrics"].contains(&asked.path.as_str());
    let Some(path) = below_api.or(at_root).or(open.then_some(asked.path.as_str())) else {
        return Reply::page(404);
    };
    let guarded = ["/memory", "/context", "/cognitive", "/persona"];
    let token = brain.token.as_ref().filter(|_| guarded.iter().any(|room| path.starts_with(room)));
    if token.is_some_and(|token| asked.header("authorization") != Some(&format!("Bearer {token}")))
    {
        return Reply::detail(401, "Unauthorized");
    }
    match (asked.method.as_str(), path) {
        ("GET", "/openapi.json") => Reply::ok(&openapi::document(brain.generation)),
        ("POST", "/memory/remember") => remember(brain, &asked.body, true, stores),
        ("POST", "/memory/remember/batch") => remember(brain, &asked.body, false, stores),
        ("POST", "/memory/recall") => recall(brain, asked),
        (_, "/memory/remember" | "/memory/recall") => {
            Reply::text(405, "text/plain", "Method not allowed")
        }
        _ => others::answer(brain, asked, path).unwrap_or_else(|| Reply::page(404)),
    }
}

fn remember(brain: &mut Brain, body: &Value, single: bool, stores: usize) -> Reply {
    if body.is_string() {
        return Reply::detail(400, "Cannot parse request body");
    }
    match taken(brain, body, single, stores) {
        Ok(mut answer) => {
            answer["queued_for_ltm"] = false.into();
            Reply::ok(&answer)
        }
        Err(mistake) => mistake,
    }
}

fn recall(brain: &Brain, asked: &Asked) -> Reply {
    let body = &asked.body;
    if asked.query.starts_with("payload=") || !body.is_object() {
        return Reply::mistake(&["body", "payload"], "Field required");
    }
    let Some(text) = body["query"].as_str() else {
        return Reply::mistake(&["body", "payload", "query"], "Field required");
    };
    let most = body["top_k"].as_u64().unwrap_or(USUAL).max(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let layer = body["layer"].as_str().unwrap_or("both");
    let tenant = asked.header("x-tenant-id").unwrap_or("standalone").to_owned();
    let namespace = body["namespace"].as_str().or_else(|| asked.header("x-namespace"));
    let universe = body["universe"].as_str().unwrap_or("real");
    let (mut working, mut long) = (Vec::new(), Vec::new());
    if matches!(layer, "both" | "wm") {
        let all = brain.working.get(&tenant).into_iter().flatten().take(most).cloned();
        working.extend(all.map(|payload| result("wm", Found { score: 1.0, payload })));
    }
    if matches!(layer, "both" | "ltm") {
        let own = |found: &Found| {
            let namespaced = namespace.is_none_or(|name| found.payload["namespace"] == name);
            brain.shares_pools || (found.payload["tenant"] == tenant.as_str() && namespaced)
        };
        let found = brain.search(universe, text, most);
        long.extend(found.into_iter().filter(own).map(|found| result("ltm", found)));
    }
    let (in_working, in_long) = (working.len(), long.len());
    working.extend(long);
    Reply::ok(&json!({
        "tenant": tenant, "namespace": namespace, "wm_hits": in_working, "ltm_hits": in_long,
        "total_results": working.len(), "results": working, "duration_ms": 0.1,
        "degraded": false, "degraded_reasons": [],
    }))
}

fn result(layer: &str, found: Found) -> Value {
    let Found { score, payload } = found;
    let mut result = json!({"layer": layer, "score": score, "content": payload});
    if layer == "ltm" {
        result["coordinate"] = result["content"]["coordinate"].clone();
    }
    result
}
