//! The edge ports in memory, put through their contracts.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::contract::Fixture;
use soma_core::contract::model::ModelUnderTest;
use soma_core::contract::policy::PolicyUnderTest;
use soma_core::contract::tool::ToolUnderTest;
use soma_core::conversation::model::ModelFailure;
use soma_core::flows::stop::Stop;
use soma_core::ids::{SessionId, TenantId};
use soma_core::policy::{Action, PolicyRequest};
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::ports::{Cache, Log, Memory, Model, RateLimit, Timer, Tool, Vault};
use soma_core::time::Timestamp;
use soma_inproc::{
    InprocCache, InprocLog, InprocMemory, InprocRateLimit, InprocVault, ManualClock, Script,
    ScriptedModel, ScriptedTool, StaticPolicy,
};
use uuid::Uuid;

/// What tokio calls time.
struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    #[expect(clippy::disallowed_methods, reason = "this is the timer")]
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Makes a fixture of a port that needs no place.
macro_rules! fixture {
    ($name:ident, $port:ty, $open:expr) => {
        struct $name;

        #[async_trait]
        impl Fixture for $name {
            type Port = $port;
            const DURABLE: bool = false;

            async fn start() -> Option<Self> {
                Some(Self)
            }

            async fn open(&self) -> Self::Port {
                $open
            }
        }
    };
}

fixture!(LogFixture, Arc<dyn Log>, Arc::new(InprocLog::new(Arc::new(TokioTimer))));
fixture!(MemoryFixture, Arc<dyn Memory>, Arc::new(InprocMemory::new(an_hour_later())));
fixture!(CacheFixture, Arc<dyn Cache>, Arc::new(InprocCache::new(100)));
fixture!(VaultFixture, Arc<dyn Vault>, Arc::new(InprocVault::new()));
fixture!(RateLimitFixture, Arc<dyn RateLimit>, Arc::new(InprocRateLimit::new()));
fixture!(PolicyFixture, PolicyUnderTest, policy());
fixture!(ModelFixture, ModelUnderTest, model());
fixture!(ToolFixture, ToolUnderTest, tool());

/// A clock that stands after everything that the suite remembers.
fn an_hour_later() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_762_174_800_000_000)))
}

fn policy() -> PolicyUnderTest {
    let request = |action| PolicyRequest {
        tenant: TenantId::new("acme").unwrap(),
        persona_id: None,
        action,
        resource: "message".into(),
        context: json!({}),
    };
    PolicyUnderTest {
        policy: Arc::new(StaticPolicy::allow_all().deny(Action::ToolExecute, "no tools today")),
        allowed: request(Action::ConversationSend),
        denied: request(Action::ToolExecute),
    }
}

fn model() -> ModelUnderTest {
    let scripted = |script| {
        Arc::new(ScriptedModel::new(script, Arc::new(TokioTimer), Duration::from_millis(20)))
    };
    let situation = |script| -> Option<Arc<dyn Model>> { Some(scripted(script)) };
    let answering =
        scripted(Script::new().text("").text("a heron").text("").text(" stands").done());
    let calls = Arc::clone(&answering);
    ModelUnderTest {
        answering,
        breaking_off: situation(Script::new().text("a heron")),
        silent: situation(Script::new().text("a heron").hold(&Stop::new())),
        refusing: situation(Script::refusing(ModelFailure::Unauthorized)),
        secret: "sk-secret".into(),
        under_way: Arc::new(move || calls.under_way()),
    }
}

fn tool() -> ToolUnderTest {
    let mut spec = ScriptedTool::echo("shout").spec();
    spec.parameters =
        json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
    let tool = ScriptedTool::new(spec, |arguments| {
        let fields = arguments.as_object().expect("it is only called with objects");
        match fields.get("text").and_then(Value::as_str) {
            Some(text) => Ok(Value::from(text.to_uppercase())),
            None => Err(ToolError::Tell("`text` must be a string".into())),
        }
    });
    ToolUnderTest {
        tool: Arc::new(tool),
        context: ToolContext {
            tenant: TenantId::new("acme").unwrap(),
            session_id: SessionId::from_uuid(Uuid::from_u128(1)),
        },
        fits: json!({"text": "heron"}),
        misfits: vec![json!({}), json!({"text": 1}), json!({"text": null})],
        under_way: Arc::new(|| 0),
    }
}

soma_core::contract_tests!(log, LogFixture);
soma_core::contract_tests!(memory, MemoryFixture);
soma_core::contract_tests!(cache, CacheFixture);
soma_core::contract_tests!(vault, VaultFixture);
soma_core::contract_tests!(rate_limit, RateLimitFixture);
soma_core::contract_tests!(policy, PolicyFixture);
soma_core::contract_tests!(model, ModelFixture);
soma_core::contract_tests!(tool, ToolFixture);
