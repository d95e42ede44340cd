//! The tool executor: runs the tools that models and clients ask for.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join;
use soma_core::flows::claims::{Capacity, Claims};
use soma_core::flows::consume::Consume;
use soma_core::flows::ingest_work::IngestWork;
use soma_core::flows::run_tools::RunTools;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{Leases, Log, Work};
use soma_core::work::commit::WorkKind;

/// The service's name and consumer group.
pub const NAME: &str = "tool-executor";

/// The tool executor.
pub struct ToolExecutor {
    requests: Consume,
    calls: Claims,
}

impl ToolExecutor {
    /// Puts the service together.
    pub fn new(
        log: Arc<dyn Log>,
        leases: Arc<dyn Leases>,
        work: Arc<dyn Work>,
        (tools, capacity): (RunTools, Capacity),
        world: World,
    ) -> Self {
        let topic = Topic::ToolRequests;
        let ingest = IngestWork::new(Arc::clone(&work), topic, world.clone());
        let requests = Consume::new(log, leases, (topic, NAME), Arc::new(ingest), world.clone());
        let calls = Claims::new(work, Arc::new(tools), WorkKind::Calls, capacity, world);
        Self { requests, calls }
    }
}

#[async_trait]
impl Service for ToolExecutor {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn run(&self, stop: &Stop) {
        join(self.requests.run(stop), self.calls.run(stop)).await;
    }
}

soma_core::opaque_debug!(ToolExecutor);
