//! A tool, with its types erased so that different tools fit in one registry.

use async_trait::async_trait;
use serde_json::Value;

use super::error::Source;
use crate::ids::{SessionId, TenantId};
use crate::tool::{ToolCall, ToolOutcome, ToolSpec};

/// For whom a tool runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolContext {
    /// The tenant: a tool reads and writes nothing of another.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
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

/// All the tools of a platform, each run within its limits.
///
/// # Contract
///
/// - Whatever was asked for and whatever the tool does, there is an outcome: an unknown name, text
///   that is no JSON object, a panic, too long a call, too large an answer.
/// - Dropping the future ends the call.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// What a model is told about the tools, in the order of their names.
    fn specs(&self) -> Vec<ToolSpec>;

    /// Runs a call once.
    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome;
}
