//! A tool that answers by a function.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::ports::Tool;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::tool::ToolSpec;

use crate::lock::locked;

/// Returns its arguments, and remembers them: for tests that count how often a tool ran.
pub struct ScriptedTool {
    spec: ToolSpec,
    answer: Arc<Answer>,
    calls: Mutex<Vec<(ToolContext, Value)>>,
}

type Answer = dyn Fn(&Value) -> Result<Value, ToolError> + Send + Sync;

impl ScriptedTool {
    /// A tool with this description that answers by `answer`; it is only called with objects.
    pub fn new<A>(spec: ToolSpec, answer: A) -> Self
    where
        A: Fn(&Value) -> Result<Value, ToolError> + Send + Sync + 'static,
    {
        Self { spec, answer: Arc::new(answer), calls: Mutex::default() }
    }

    /// A tool that returns its arguments as they are, whatever they are named.
    pub fn echo(name: &str) -> Self {
        let spec = ToolSpec {
            name: name.to_owned(),
            description: "Answers its arguments.".into(),
            parameters: json!({"type": "object"}),
            idempotent: true,
            needs_approval: false,
            timeout_seconds: 10,
        };
        Self::new(spec, |arguments| Ok(arguments.clone()))
    }

    /// For whom and with what it was called so far.
    pub fn calls(&self) -> Vec<(ToolContext, Value)> {
        locked(&self.calls).clone()
    }
}

#[async_trait]
impl Tool for ScriptedTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, context: &ToolContext, arguments: Value) -> Result<Value, ToolError> {
        if !arguments.is_object() {
            return Err(ToolError::Tell("the arguments must be an object".into()));
        }
        locked(&self.calls).push((context.clone(), arguments.clone()));
        (self.answer)(&arguments)
    }
}

soma_core::opaque_debug!(ScriptedTool);
