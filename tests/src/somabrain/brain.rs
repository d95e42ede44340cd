//! What it has in mind: the long-term memory, one pool for all, and a working memory for each tenant.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::Generation;
use super::coordinate::coordinate;

/// How many memories the working memory of a tenant has.
const WORKING: usize = 64;

/// The state.
pub(super) struct Brain {
    pub(super) generation: Generation,
    /// The token that it wants, if any.
    pub(super) token: Option<String>,
    /// Whether a search finds what is in any universe.
    pub(super) shares_pools: bool,
    pub(super) memories: BTreeMap<(String, String), Value>,
    /// How many memories it keeps at most.
    pub(super) most: usize,
    pub(super) working: BTreeMap<String, VecDeque<Value>>,
    pub(super) personas: BTreeMap<String, Value>,
    pub(super) constitution: Option<Value>,
    /// What legacy searches found, and when.
    pub(super) cache: BTreeMap<(String, String, u64), (Instant, Value)>,
    requests: u64,
}

impl Default for Brain {
    fn default() -> Self {
        Self {
            generation: Generation::G4,
            token: None,
            shares_pools: false,
            memories: BTreeMap::new(),
            most: usize::MAX,
            working: BTreeMap::new(),
            personas: BTreeMap::new(),
            constitution: None,
            cache: BTreeMap::new(),
            requests: 0,
        }
    }
}

/// Who sends what to be remembered, and where.
pub(super) struct Sender<'a> {
    pub(super) tenant: &'a str,
    pub(super) namespace: &'a str,
    pub(super) universe: &'a str,
    /// So many of what is sent together are really stored.
    pub(super) stores: usize,
}

impl Brain {
    pub(super) fn restart_as(&mut self, generation: Generation) {
        self.generation = generation;
        self.working.clear();
        self.cache.clear();
    }

    /// The id of the next request.
    pub(super) fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("request-{}", self.requests)
    }

    /// Takes the `number`-th item of `/memory/remember`, rewritten as the server does. Returns what it says
    /// of it.
    pub(super) fn remember(&mut self, sender: &Sender<'_>, number: usize, item: &Value) -> Value {
        let Sender { tenant, namespace, universe, stores } = *sender;
        let universe = item["universe"].as_str().unwrap_or(universe);
        let key = item["key"].as_str().unwrap_or_default();
        let place = coordinate(universe, key);
        let mut payload = item["value"].as_object().cloned().unwrap_or_default();
        rewrite(&mut payload, item, key);
        for (name, value) in [
            ("tenant", json!(tenant)),
            ("tenant_id", json!(tenant)),
            ("namespace", json!(namespace)),
            ("key", json!(key)),
            ("memory_type", json!("episodic")),
            ("universe", json!(universe)),
            ("_actor", json!("unknown")),
            ("coordinate", json!(place)),
        ] {
            payload.insert(name.to_owned(), value);
        }
        let payload = Value::Object(payload);
        let working = self.working.entry(tenant.to_owned()).or_default();
        working.push_back(payload.clone());
        if working.len() > WORKING {
            working.pop_front();
        }
        if number < stores {
            self.memories.insert((universe.to_owned(), key.to_owned()), payload);
        }
        if self.memories.len() > self.most {
            self.memories.pop_first();
        }
        json!({
            "key": key, "coordinate": place, "promoted_to_wm": true, "persisted_to_ltm": true,
            "deduplicated": false, "importance": item["importance"], "novelty": item["novelty"],
            "ttl_applied": item["ttl_seconds"], "trace_id": item["trace_id"],
            "request_id": self.request_id(), "warnings": [], "signals": {"persisted_to_ltm": true},
        })
    }
}

/// Adds to a payload what the server adds, and overwrites what it overwrites.
fn rewrite(payload: &mut Map<String, Value>, item: &Value, key: &str) {
    let text = |payload: &Map<String, Value>, name: &str| {
        payload.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let task = text(payload, "task").or_else(|| text(payload, "text"));
    let task = task.unwrap_or_else(|| key.to_owned());
    for name in ["text", "content", "id"] {
        let fallback = if name == "id" { key } else { task.as_str() };
        if !payload.contains_key(name) {
            payload.insert(name.to_owned(), fallback.into());
        }
    }
    payload.insert("task".to_owned(), task.into());
    payload.entry("timestamp").or_insert_with(|| now().into());
    for name in ["tags", "policy_tags"] {
        payload.insert(name.to_owned(), item.get(name).cloned().unwrap_or_else(|| json!([])));
    }
}

#[expect(clippy::disallowed_methods, reason = "the double lives in a time of its own")]
pub(super) fn now() -> f64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
