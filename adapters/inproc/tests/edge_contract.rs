//! The edge ports in memory, put through their contracts.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::contract::Fixture;
use soma_core::contract::authenticator::AuthenticatorUnderTest;
use soma_core::contract::cache::CacheUnderTest;
use soma_core::contract::clock::ManualClock as SteeredClock;
use soma_core::contract::model::ModelUnderTest;
use soma_core::contract::policy::PolicyUnderTest;
use soma_core::contract::rate_limit::RateLimitUnderTest;
use soma_core::contract::tool::ToolUnderTest;
use soma_core::contract::toolbox::ToolboxUnderTest;
use soma_core::conversation::model::ModelFailure;
use soma_core::flows::stop::Stop;
use soma_core::identity::Principal;
use soma_core::identity::credentials::Credentials;
use soma_core::ids::{CallId, SessionId, TenantId};
use soma_core::policy::{Action, PolicyRequest};
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::ports::{Log, Memory, Model, Timer, Tool, Vault};
use soma_core::time::Timestamp;
use soma_core::tool::{ToolCall, ToolSpec};
use soma_inproc::{
    InprocAuthenticator, InprocCache, InprocLog, InprocMemory, InprocRateLimit, InprocToolbox,
    InprocVault, ManualClock, Script, ScriptedModel, ScriptedTool, StaticPolicy,
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
fixture!(CacheFixture, CacheUnderTest, cache());
fixture!(VaultFixture, Arc<dyn Vault>, Arc::new(InprocVault::new()));
fixture!(RateLimitFixture, RateLimitUnderTest, rate_limit());
fixture!(PolicyFixture, PolicyUnderTest, policy());
fixture!(ModelFixture, ModelUnderTest, model());
fixture!(ToolFixture, ToolUnderTest, tool());
fixture!(AuthenticatorFixture, AuthenticatorUnderTest, authenticator());
fixture!(ToolboxFixture, ToolboxUnderTest, toolbox());

/// A clock that stands after everything that the suite remembers.
fn an_hour_later() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_762_174_800_000_000)))
}

fn cache() -> CacheUnderTest {
    let clock = Arc::new(SteeredClock::default());
    CacheUnderTest { cache: Arc::new(InprocCache::new(100, clock.clone())), clock }
}

fn rate_limit() -> RateLimitUnderTest {
    let clock = Arc::new(SteeredClock::default());
    RateLimitUnderTest { limit: Arc::new(InprocRateLimit::new(clock.clone())), clock }
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
        context: ToolContext::new(
            TenantId::new("acme").unwrap(),
            SessionId::from_uuid(Uuid::from_u128(1)),
        ),
        fits: json!({"text": "heron"}),
        misfits: vec![json!({}), json!({"text": 1}), json!({"text": null})],
        under_way: Arc::new(|| 0),
    }
}

/// Never answers, and counts its calls.
struct Endless(Arc<AtomicUsize>);

/// Counts a call until it is gone.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Tool for Endless {
    fn spec(&self) -> ToolSpec {
        ScriptedTool::echo("endless").spec()
    }

    async fn call(&self, _: &ToolContext, _: Value) -> Result<Value, ToolError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.0);
        std::future::pending().await
    }
}

fn authenticator() -> AuthenticatorUnderTest {
    let of = |subject: &str| Principal::new(TenantId::new("acme").unwrap(), subject);
    let known = |text: &str, subject: &str| (Credentials::bearer(text), of(subject));
    let valid = vec![known("sk_ada", "ada"), known("ey.bob", "bob")];
    let authenticator = valid
        .iter()
        .cloned()
        .fold(InprocAuthenticator::default(), |authenticator, (credentials, principal)| {
            authenticator.with(credentials, principal)
        });
    let invalid = ["", "sk_eve", "ey.eve", "sk_ad"].map(Credentials::bearer).to_vec();
    AuthenticatorUnderTest { authenticator: Arc::new(authenticator), valid, invalid, away: None }
}

fn toolbox() -> ToolboxUnderTest {
    let tenant = |name| TenantId::new(name).unwrap();
    let call = |name: &str| ToolCall {
        call_id: CallId::from_uuid(Uuid::from_u128(1)),
        model_call_id: "call_1".into(),
        tool_name: name.into(),
        arguments: "{}".into(),
    };
    let count = Arc::new(AtomicUsize::new(0));
    let panics = ScriptedTool::new(ScriptedTool::echo("panics").spec(), |_| panic!("at the disco"));
    let toolbox = InprocToolbox::new(vec![
        Arc::new(Endless(Arc::clone(&count))),
        Arc::new(ScriptedTool::echo("echo")),
    ]);
    toolbox.add(Some(tenant("acme")), Arc::new(panics));
    toolbox.add(Some(tenant("globex")), Arc::new(ScriptedTool::echo("theirs")));
    ToolboxUnderTest {
        toolbox: Arc::new(toolbox),
        context: ToolContext::new(tenant("acme"), SessionId::from_uuid(Uuid::from_u128(1))),
        answered: call("echo"),
        failing: vec![call("panics")],
        foreign: Some(call("theirs")),
        endless: call("endless"),
        under_way: Arc::new(move || count.load(Ordering::SeqCst)),
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
soma_core::contract_tests!(toolbox, ToolboxFixture);
soma_core::contract_tests!(authenticator, AuthenticatorFixture);
