//! How the parts of the embedded platform are.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use soma_assembly::{Provider, Queues};
use soma_core::flows::stop::Stop;
use soma_services::Supervisor;
use soma_sqlite::Database;
use soma_web::{ComponentHealth, Health, HealthReport, HealthStatus};

/// Looks at the queues and the services.
pub(crate) struct EmbeddedHealth {
    pub(crate) queues: Queues,
    pub(crate) database: Arc<Database>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) stop: Stop,
    pub(crate) supervisor: OnceLock<Weak<Supervisor>>,
}

impl EmbeddedHealth {
    /// Whether what is accepted can be written down.
    fn database(&self) -> ComponentHealth {
        match self.database.fault() {
            Some(fault) => ComponentHealth {
                status: HealthStatus::Down,
                detail: Some(fault.into()),
                ..ComponentHealth::default()
            },
            None => ComponentHealth::default(),
        }
    }

    fn services(&self) -> ComponentHealth {
        let supervisor = self.supervisor.get().and_then(Weak::upgrade);
        let missing = supervisor.map(|supervisor| supervisor.missing()).unwrap_or_default();
        if missing.is_empty() {
            return ComponentHealth::default();
        }
        let detail = Some(format!("not running: {}", missing.join(", ")));
        ComponentHealth { status: HealthStatus::Degraded, detail, ..ComponentHealth::default() }
    }
}

#[async_trait]
impl Health for EmbeddedHealth {
    async fn report(&self) -> HealthReport {
        HealthReport::new(BTreeMap::from([
            ("services".to_owned(), self.services()),
            ("database".to_owned(), self.database()),
            ("model".to_owned(), self.provider.health()),
            ("outbox".to_owned(), self.queues.outbox().await),
            ("turns".to_owned(), self.queues.turns().await),
            ("memory".to_owned(), self.queues.memory().await),
        ]))
    }

    fn not_ready(&self) -> Option<String> {
        if self.stop.is_set() {
            return Some("it stops".into());
        }
        self.database.fault().map(str::to_owned)
    }
}
