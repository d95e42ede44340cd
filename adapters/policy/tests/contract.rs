//! The engine keeps the contract of its port.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use soma_core::contract::Fixture;
use soma_core::contract::policy::PolicyUnderTest;
use soma_core::policy::PolicyRequest;
use soma_policy::RegoPolicy;

/// The platform's own policy.
struct Platform;

fn run(tool: &str) -> PolicyRequest {
    let request = json!({
        "tenant": "public", "persona_id": null, "action": "tool.execute", "resource": tool,
        "context": {"args": {"text": "hi"}},
    });
    serde_json::from_value(request).unwrap()
}

#[async_trait]
impl Fixture for Platform {
    type Port = PolicyUnderTest;

    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self)
    }

    async fn open(&self) -> PolicyUnderTest {
        let policy = Arc::new(RegoPolicy::platform().unwrap());
        PolicyUnderTest { policy, allowed: run("echo"), denied: run("code_execute") }
    }
}

soma_core::contract_tests!(policy, Platform);
