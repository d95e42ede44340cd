//! The registry keeps the contract of its port.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::toolbox::ToolboxUnderTest;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_tools::{Approval, Repetition, TypedTool};

use crate::world::{Endless, NoArgs, Noted, call, context, platform};

/// Panics.
struct Panics;

#[async_trait]
impl TypedTool for Panics {
    const NAME: &'static str = "panics";
    const DESCRIPTION: &'static str = "Panics.";
    const REPETITION: Repetition = Repetition::Harmless;
    const APPROVAL: Approval = Approval::NotNeeded;
    const TIMEOUT: Duration = Duration::from_secs(7);

    type Args = NoArgs;
    type Output = ();

    async fn call(&self, _: &ToolContext, _: NoArgs) -> Result<(), ToolError> {
        panic!("at the disco")
    }
}

struct Registered;

#[async_trait]
impl Fixture for Registered {
    type Port = ToolboxUnderTest;

    const DURABLE: bool = false;

    async fn start() -> Option<Self> {
        Some(Self)
    }

    async fn open(&self) -> ToolboxUnderTest {
        let count = Arc::new(AtomicUsize::new(0));
        let registry = platform(Arc::new(Noted::default()));
        let registry = registry.with(Endless(Arc::clone(&count))).with(Panics);
        ToolboxUnderTest {
            toolbox: Arc::new(registry),
            context: context(),
            answered: call("echo", "{\"text\": \"hi\"}"),
            failing: vec![call("panics", "{}"), call("echo", "{\"text\": 7}")],
            foreign: None,
            endless: call("endless", "{}"),
            under_way: Arc::new(move || count.load(Ordering::SeqCst)),
        }
    }
}

soma_core::contract_tests!(toolbox, Registered);
