//! A toolbox of the tools it was given.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use soma_core::ports::tool::ToolContext;
use soma_core::ports::{Tool, Toolbox};
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec, ToolStatus};

/// A toolbox of the tools it was given; none by default. It trusts them: it neither checks arguments
/// nor limits time and size.
#[derive(Clone, Default)]
pub struct InprocToolbox {
    tools: Vec<Arc<dyn Tool>>,
}

impl InprocToolbox {
    /// A toolbox of these, which are in the order of their names.
    pub const fn new(tools: Vec<Arc<dyn Tool>>) -> Self {
        Self { tools }
    }
}

#[async_trait]
impl Toolbox for InprocToolbox {
    fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|tool| tool.spec()).collect()
    }

    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        let failed =
            |message: String| ToolOutcome::failed(call.call_id, ToolStatus::Error, message);
        let Some(tool) = self.tools.iter().find(|tool| tool.spec().name == call.tool_name) else {
            return failed("there is no such tool".into());
        };
        let arguments = serde_json::from_str(&call.arguments).unwrap_or(Value::Null);
        match tool.call(context, arguments).await {
            Ok(payload) => ToolOutcome {
                call_id: call.call_id,
                status: ToolStatus::Success,
                payload,
                execution_time: 0.0,
            },
            Err(error) => failed(error.to_string()),
        }
    }
}

soma_core::opaque_debug!(InprocToolbox);
