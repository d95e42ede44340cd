//! How a process is.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use soma_assembly::{Provider, Queues};
use soma_core::flows::stop::Stop;
use soma_core::ports::Clock;
use soma_services::Unit;
use soma_web::{Health, HealthReport};

use crate::probes::Probes;

/// How a process is, from its start on.
pub(crate) struct ProcessHealth {
    pub(crate) unit: Unit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) probes: Arc<Probes>,
    pub(crate) stop: Stop,
    /// Set once the service is started.
    pub(crate) started: OnceLock<Started>,
}

/// What is to be told of a service that runs.
pub(crate) struct Started {
    pub(crate) queues: Queues,
    pub(crate) provider: Arc<Provider>,
}

#[async_trait]
impl Health for ProcessHealth {
    async fn report(&self) -> HealthReport {
        let mut components = self.probes.components(self.unit);
        if let Some(Started { queues, provider }) = self.started.get() {
            components.insert("outbox".into(), queues.outbox().await);
            components.insert("turns".into(), queues.turns().await);
            components.insert("memory".into(), queues.memory().await);
            if self.unit == Unit::Worker {
                components.insert("model".into(), provider.health());
            }
        }
        HealthReport::new(components)
    }

    fn not_ready(&self) -> Option<String> {
        if self.stop.is_set() {
            return Some("it stops".into());
        }
        let not_ready = self.probes.not_ready(self.unit, self.clock.now());
        not_ready.or_else(|| self.started.get().is_none().then(|| "it starts".into()))
    }
}
