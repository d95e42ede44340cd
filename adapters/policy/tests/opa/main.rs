//! OPA decides as the engine in the process does, and without a decision there is none.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../common/mod.rs"]
mod common;

mod parity;
mod provenance;
mod trouble;

use serde_json::json;
use soma_core::policy::PolicyRequest;

fn request(resource: &str) -> PolicyRequest {
    let request = json!({
        "tenant": "public", "persona_id": null, "action": "tool.execute", "resource": resource,
        "context": {"args": {}},
    });
    serde_json::from_value(request).unwrap()
}
