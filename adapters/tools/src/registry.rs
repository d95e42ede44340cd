//! The registry: finds a tool by name, and runs it within its limits.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde_json::{Map, Value};
use soma_core::ids::TenantId;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::ports::{Clock, PortResult, Timer, Tool, Toolbox};
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec, ToolStatus};

use crate::answer::fit;
use crate::typed::{Erased, TypedTool};

/// The tools, by name.
#[derive(Clone)]
pub struct Registry {
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    tools: BTreeMap<String, Arc<dyn Tool>>,
}

soma_core::opaque_debug!(Registry);

impl Registry {
    /// A registry without tools.
    pub fn new(clock: Arc<dyn Clock>, timer: Arc<dyn Timer>) -> Self {
        Self { clock, timer, tools: BTreeMap::new() }
    }

    /// Adds a tool; one of the same name is replaced.
    #[must_use]
    pub fn with<T: TypedTool>(mut self, tool: T) -> Self {
        self.tools.insert(T::NAME.into(), Arc::new(Erased::new(tool)));
        self
    }

    /// The tool of that name, without the registry's limits.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    async fn answer(&self, context: &ToolContext, call: &ToolCall) -> Result<Value, Failure> {
        let name = call.tool_name.as_str();
        let Some(tool) = self.tools.get(name) else {
            return Err(Failure::tell(format!("there is no tool named {name:?}")));
        };
        let arguments = decode(&call.arguments)?;
        let limit = tool.spec().timeout_seconds;
        let running = AssertUnwindSafe(tool.call(context, arguments)).catch_unwind();
        let time_is_up = self.timer.sleep(Duration::from_secs(limit));
        match select(running, time_is_up).await {
            Either::Left((Ok(answer), _)) => answer.map_err(|error| Failure::of(name, &error)),
            Either::Left((Err(_panic), _)) => {
                tracing::error!(tool = name, "tool panicked");
                Err(Failure::tell("the tool failed"))
            }
            Either::Right(((), _)) => Err(Failure {
                status: ToolStatus::Timeout,
                message: format!("the tool took longer than {limit} s"),
            }),
        }
    }
}

/// Reads the arguments as a model wrote them; nothing at all is no arguments.
fn decode(text: &str) -> Result<Value, Failure> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_str(text)
        .map_err(|error| Failure::tell(format!("the arguments are not JSON: {error}")))
}

#[async_trait]
impl Toolbox for Registry {
    fn names(&self) -> Vec<String> {
        self.tools.keys().cloned().collect()
    }

    /// Every tenant has every tool.
    async fn specs(&self, _tenant: &TenantId) -> PortResult<Vec<ToolSpec>> {
        Ok(self.tools.values().map(|tool| tool.spec()).collect())
    }

    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        let begin = self.clock.now();
        let (status, payload) = match self.answer(context, call).await {
            Ok(answer) => (ToolStatus::Success, fit(answer)),
            Err(Failure { status, message }) => {
                (status, fit(serde_json::json!({ "message": message })))
            }
        };
        let execution_time = self.clock.now().since(begin).as_secs_f64();
        ToolOutcome { call_id: call.call_id, status, payload, execution_time }
    }
}

/// Why a call has no answer, for the model and for people.
struct Failure {
    status: ToolStatus,
    message: String,
}

impl Failure {
    fn tell(message: impl Into<String>) -> Self {
        Self { status: ToolStatus::Error, message: message.into() }
    }

    /// What went wrong inside a tool is for the log, not for the model.
    fn of(tool: &str, error: &ToolError) -> Self {
        if let ToolError::Broken(source) = error {
            let source: &dyn std::error::Error = source.as_ref();
            tracing::error!(tool, error = source, "tool failed");
        }
        Self::tell(error.to_string())
    }
}
