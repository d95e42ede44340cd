//! A toolbox of the tools that it is given.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::Value;
use soma_core::ids::TenantId;
use soma_core::ports::tool::ToolContext;
use soma_core::ports::{PortResult, Tool, Toolbox};
use soma_core::tool::{ToolCall, ToolOutcome, ToolSpec, ToolStatus};

use crate::lock::locked;

/// The tools it was given, for every tenant or for one. It limits neither time nor size.
#[derive(Default)]
pub struct InprocToolbox {
    tools: Mutex<Vec<Entry>>,
}

#[derive(Clone)]
struct Entry {
    /// Whose it is; none is everyone's.
    tenant: Option<TenantId>,
    tool: Arc<dyn Tool>,
}

impl InprocToolbox {
    /// A toolbox of these tools, for every tenant.
    pub fn new(tools: Vec<Arc<dyn Tool>>) -> Self {
        let tools = tools.into_iter().map(|tool| Entry { tenant: None, tool });
        Self { tools: Mutex::new(tools.collect()) }
    }

    /// Adds a tool for one tenant, or for everyone.
    pub fn add(&self, tenant: Option<TenantId>, tool: Arc<dyn Tool>) {
        locked(&self.tools).push(Entry { tenant, tool });
    }

    fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<dyn Tool>> {
        let tools = locked(&self.tools);
        let theirs = |entry: &&Entry| entry.tenant.as_ref().is_none_or(|whose| whose == tenant);
        tools.iter().filter(theirs).map(|entry| Arc::clone(&entry.tool)).collect()
    }
}

#[async_trait]
impl Toolbox for InprocToolbox {
    fn names(&self) -> Vec<String> {
        locked(&self.tools).iter().map(|entry| entry.tool.spec().name).collect()
    }

    async fn specs(&self, tenant: &TenantId) -> PortResult<Vec<ToolSpec>> {
        let mut specs: Vec<_> = self.of_tenant(tenant).iter().map(|tool| tool.spec()).collect();
        specs.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(specs)
    }

    async fn run(&self, context: &ToolContext, call: &ToolCall) -> ToolOutcome {
        let failed =
            |message: String| ToolOutcome::failed(call.call_id, ToolStatus::Error, message);
        let tools = self.of_tenant(&context.tenant);
        let Some(tool) = tools.iter().find(|tool| tool.spec().name == call.tool_name) else {
            return failed(format!("there is no tool named {:?}", call.tool_name));
        };
        let arguments = serde_json::from_str(&call.arguments).unwrap_or(Value::Null);
        match AssertUnwindSafe(tool.call(context, arguments)).catch_unwind().await {
            Ok(Ok(payload)) => ToolOutcome {
                call_id: call.call_id,
                status: ToolStatus::Success,
                payload,
                execution_time: 0.0,
            },
            Ok(Err(error)) => failed(error.to_string()),
            Err(_panic) => failed("the tool failed".into()),
        }
    }
}

soma_core::opaque_debug!(InprocToolbox);
