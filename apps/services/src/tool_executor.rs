//! The tool executor: runs the tools that models and clients ask for.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join;
use soma_core::flows::claims::Claims;
use soma_core::flows::consume::Consume;
use soma_core::flows::ingest_work::IngestWork;
use soma_core::flows::run_tools::RunTools;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::outbox::topic::Topic;
use soma_core::work::commit::WorkKind;

use crate::composition::Composition;
use crate::ports::Ports;
use crate::unit::Unit;

/// The tool executor.
pub struct ToolExecutor {
    requests: Consume,
    calls: Claims,
}

impl ToolExecutor {
    /// Builds the service.
    pub fn new(composition: &Composition) -> Self {
        let Composition { ports, settings, world } = composition;
        let Ports { store, policy, tools, work, .. } = ports.clone();
        let topic = Topic::ToolRequests;
        let ingest = Arc::new(IngestWork::new(Arc::clone(&work), topic, world.clone()));
        let run = Arc::new(RunTools::new(store, policy, tools, world.clone()));
        Self {
            requests: ports.consume(topic, Unit::Executor, ingest, world),
            calls: Claims::new(work, run, WorkKind::Calls, settings.capacity, world.clone()),
        }
    }
}

#[async_trait]
impl Service for ToolExecutor {
    fn name(&self) -> &'static str {
        Unit::Executor.name()
    }

    async fn run(&self, stop: &Stop) {
        join(self.requests.run(stop), self.calls.run(stop)).await;
    }
}

soma_core::opaque_debug!(ToolExecutor);
