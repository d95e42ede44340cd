//! Both engines keep the contract of their port.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use serde_json::json;
use soma_core::contract::Fixture;
use soma_core::contract::policy::PolicyUnderTest;
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::{Policy, PortResult};
use soma_policy::{OpaPolicy, RegoPolicy};
use tokio::runtime::Runtime;

fn run(tool: &str) -> PolicyRequest {
    let request = json!({
        "tenant": "public", "persona_id": null, "action": "tool.execute", "resource": tool,
        "context": {"args": {"text": "hi"}},
    });
    serde_json::from_value(request).unwrap()
}

fn under_test(policy: impl Policy + 'static) -> PolicyUnderTest {
    let (allowed, denied) = (run("echo"), run("code_execute"));
    PolicyUnderTest { policy: Arc::new(policy), allowed, denied }
}

/// The platform's own policy, within the process.
struct Platform;

#[async_trait]
impl Fixture for Platform {
    type Port = PolicyUnderTest;

    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self)
    }

    async fn open(&self) -> PolicyUnderTest {
        under_test(RegoPolicy::platform().unwrap())
    }
}

/// The platform's own policy, on a real server.
struct Opa(OpaPolicy);

/// A case that asks from many threads has no runtime there.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

#[async_trait]
impl Fixture for Opa {
    type Port = PolicyUnderTest;

    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        let url = common::server()?;
        let opa = async move { common::opa(&url, "contract", &common::platform()).await };
        Some(Self(RUNTIME.spawn(opa).await.unwrap()))
    }

    async fn open(&self) -> PolicyUnderTest {
        under_test(Hosted(self.0.clone()))
    }
}

/// An engine that is asked on a runtime of its own.
struct Hosted(OpaPolicy);

#[async_trait]
impl Policy for Hosted {
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>> {
        let (policy, requests) = (self.0.clone(), requests.to_vec());
        RUNTIME.spawn(async move { policy.decide(&requests).await }).await.unwrap()
    }
}

mod in_process {
    use super::*;
    soma_core::contract_tests!(policy, Platform);
}

mod on_a_server {
    use super::*;
    soma_core::contract_tests!(policy, Opa);
}
