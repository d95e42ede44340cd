//! Tools whose runs are counted, without the limits of the real registry.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::flows::stop::Stop;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::ports::{Tool, Toolbox};
use soma_core::tool::ToolSpec;
use soma_inproc::InprocToolbox;

/// Toolboxes whose runs are not limited.
#[derive(Clone, Copy, Debug)]
pub struct Tools;

impl Tools {
    /// Without tools.
    pub fn none() -> Arc<dyn Toolbox> {
        Self::of(Vec::new())
    }

    /// With one tool.
    pub fn one(tool: Arc<dyn Tool>) -> Arc<dyn Toolbox> {
        Self::of(vec![tool])
    }

    /// With these.
    pub fn of(tools: Vec<Arc<dyn Tool>>) -> Arc<dyn Toolbox> {
        Arc::new(InprocToolbox::new(tools))
    }
}

/// A tool that runs until it is let go.
#[derive(Debug)]
pub struct HeldTool {
    spec: ToolSpec,
    /// Given once it has begun.
    pub begun: Stop,
    /// Lets it go.
    pub release: Stop,
}

impl HeldTool {
    /// A tool of this name.
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self { spec: repeatable(name), begun: Stop::new(), release: Stop::new() })
    }
}

#[async_trait]
impl Tool for HeldTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, _context: &ToolContext, arguments: Value) -> Result<Value, ToolError> {
        self.begun.trigger();
        self.release.wait().await;
        Ok(arguments)
    }
}

/// The description of a tool that takes anything, and may be run again.
pub fn repeatable(name: &str) -> ToolSpec {
    ToolSpec { idempotent: true, ..unrepeatable(name) }
}

/// The description of a tool that takes anything, and must not be run twice.
pub fn unrepeatable(name: &str) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: "For tests.".into(),
        parameters: json!({"type": "object"}),
        idempotent: false,
        needs_approval: false,
        timeout_seconds: 10,
    }
}
