//! A tool, with its types erased so that different tools fit in one registry.

use async_trait::async_trait;
use serde_json::Value;

use super::PortResult;
use super::error::Source;
use super::stop::Stop;
use crate::ids::{SessionId, TenantId};
use crate::tool::{ToolCall, ToolOutcome, ToolSpec};

/// For whom a tool runs, and for how long they want to know.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The tenant: a tool reads and writes nothing of another.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// Given when nobody waits for the answer any more: the call should end, and is dropped soon if
    /// it does not.
    pub cancelled: Stop,
}

impl ToolContext {
    /// For a conversation of a tenant, until its answer is there.
    pub fn new(tenant: TenantId, session_id: SessionId) -> Self {
        Self { tenant, session_id, cancelled: Stop::new() }
    }
}

/// Why a tool gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The model, or the person, asked for something that cannot be done; this tells them.
    #[error("{0}")]
    Tell(String),
    /// The tool itself failed.
    #[error("the tool failed")]
    Broken(#[source] Source),
}

/// One tool.
///
/// # Contract
///
/// - The name matches `^[a-z][a-z0-9_]{0,63}$`, and the parameters are a JSON Schema of an object.
/// - Arguments that do not fit are [`ToolError::Tell`], never a panic.
/// - Dropping the future ends the call.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What a model is told about it.
    fn spec(&self) -> ToolSpec;

    /// Runs it once.
    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<Value, ToolError>;
}

/// All the tools of a platform, each run within its limits. Which there are may differ between
/// tenants, and change at any time.
///
/// # Contract
///
/// - [`specs`](Self::specs) returns each tool of the tenant once, in the order of the names; each is
///   among the [`names`](Self::names).
/// - Whatever was asked for and whatever the tool does, there is an outcome, of the call that was
///   asked for: an unknown name, text that is no JSON object, a panic, too long a call, too large an
///   answer.
/// - A tool that is not the tenant's is as unknown as one that does not exist.
/// - Calls at the same time do not wait for each other.
/// - Dropping the future ends the call.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// The names of the tools that any tenant has, as far as they are known: for whoever puts a
    /// platform together, to see that somebody runs them.
    fn names(&self) -> Vec<String>;

    /// What a model is told about the tools that a tenant has now.
    async fn specs(&self, tenant: &TenantId) -> PortResult<Vec<ToolSpec>>;

    /// Runs a call once.
    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome;
}
