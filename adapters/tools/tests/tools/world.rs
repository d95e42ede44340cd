//! A world of which the tests know everything: a standing clock, a timer that never or at once
//! rings, and a memory that notes what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use soma_core::ids::{CallId, SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::ports::{Clock, Memory, PortError, PortResult, Timer};
use soma_core::time::Timestamp;
use soma_core::tool::ToolCall;
use soma_tools::{Approval, Registry, Repetition, TypedTool};

/// 2025-11-03T12:00:00Z, a Monday.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_762_171_200_000_000)
    }
}

/// A timer that never rings.
pub(crate) struct Never;

#[async_trait]
impl Timer for Never {
    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

/// A timer that rings at once.
pub(crate) struct AtOnce;

#[async_trait]
impl Timer for AtOnce {
    async fn sleep(&self, _: Duration) {}
}

/// What a tool is asked for that wants nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoArgs {}

/// A tool that never answers, and counts the calls that are under way.
#[derive(Default)]
pub(crate) struct Endless(pub(crate) Arc<AtomicUsize>);

#[async_trait]
impl TypedTool for Endless {
    const NAME: &'static str = "endless";
    const DESCRIPTION: &'static str = "Never answers.";
    const REPETITION: Repetition = Repetition::Harmless;
    const APPROVAL: Approval = Approval::NotNeeded;
    const TIMEOUT: Duration = Duration::from_secs(7);

    type Args = NoArgs;
    type Output = ();

    async fn call(&self, _: &ToolContext, _: NoArgs) -> Result<(), ToolError> {
        let _under_way = UnderWay::new(&self.0);
        std::future::pending().await
    }
}

/// A memory that answers `hits`, or fails if there are none to give.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) hits: Option<Vec<MemoryHit>>,
    pub(crate) asked: Mutex<Vec<RecallQuery>>,
    pub(crate) under_way: AtomicUsize,
}

/// Counts a call until it is gone.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Memory for Noted {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        Ok(writes.iter().map(|_| Ok(())).collect())
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let _under_way = UnderWay::new(&self.under_way);
        self.asked.lock().unwrap().push(query.clone());
        tokio::task::yield_now().await;
        self.hits.clone().ok_or_else(|| PortError::Unavailable("secret host:1234".into()))
    }

    async fn forget_session(&self, _: &TenantId, _: SessionId) -> PortResult<()> {
        Ok(())
    }
}

/// The tools of the platform, at noon, without limits on time.
pub(crate) fn platform(memory: Arc<Noted>) -> Registry {
    soma_tools::registry(Arc::new(Noon), Arc::new(Never), memory)
}

pub(crate) fn context() -> ToolContext {
    ToolContext::new(TenantId::new("acme").unwrap(), session())
}

pub(crate) fn session() -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(1))
}

pub(crate) fn call(tool_name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        call_id: CallId::from_uuid(uuid::Uuid::from_u128(2)),
        model_call_id: "call_1".into(),
        tool_name: tool_name.into(),
        arguments: arguments.into(),
    }
}
