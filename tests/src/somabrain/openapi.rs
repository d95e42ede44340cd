//! How each generation describes itself, as far as who asks may learn from it.

use serde_json::{Value, json};

use super::Generation;

pub(super) fn document(generation: Generation) -> Value {
    let body = |schema: Value| {
        let content = json!({"application/json": {"schema": schema}});
        json!({"post": {"requestBody": {"content": content}}})
    };
    let recall = match generation {
        Generation::G0 => body(json!({"$ref": "#/components/schemas/MemoryRecallRequest"})),
        Generation::G1 => {
            let parameter = json!({"name": "payload", "in": "query", "required": true});
            json!({"post": {"parameters": [parameter]}})
        }
        Generation::G2 => body(json!({"title": "Payload"})),
        Generation::G3 | Generation::G4 => {
            body(json!({"$ref": "#/components/schemas/RecallSchema"}))
        }
    };
    let remember = body(json!({"$ref": "#/components/schemas/MemoryWriteRequest"}));
    let (title, version, prefix) = if generation.is_django() {
        ("SomaBrain API", "1.0.0", "/api")
    } else {
        ("SomaBrain - Cognitive AI System", "1", "")
    };
    let mut paths = json!({});
    paths[format!("{prefix}/memory/recall")] = recall;
    paths[format!("{prefix}/memory/remember")] = remember;
    json!({"openapi": "3.1.0", "info": {"title": title, "version": version}, "paths": paths})
}
