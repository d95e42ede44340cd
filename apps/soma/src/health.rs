//! How the parts of the embedded platform are.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::flows::hub::Hub;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ports::{MemoryQueue, Outbox, PortError, PortResult, Work};
use soma_core::work::commit::WorkKind;
use soma_services::Supervisor;
use soma_sqlite::Database;
use soma_web::{ComponentHealth, Health, HealthReport, HealthStatus};

use crate::provider::Provider;

/// A message that waits this long to be published is late.
const LATE: Duration = Duration::from_secs(10);
/// How often what waits is measured.
const SAMPLE: Duration = Duration::from_secs(5);
/// How often those who follow are counted: that costs nothing.
const COUNT: Duration = Duration::from_secs(1);

const FOLLOWERS: &str = "gateway_followers";
const OUTBOX_DEPTH: &str = "outbox_depth";
const OUTBOX_AGE: &str = "outbox_oldest_age_seconds";
const MEMORY_BACKLOG: &str = "memory_sync_backlog";
const WORK_DEPTH: &str = "work_depth";

/// Says what each figure means that this process measures or counts, to what collects them.
pub(crate) fn describe_metrics() {
    soma_core::observe::describe_metrics();
    soma_web::describe_metrics();
    for (name, says) in [
        (FOLLOWERS, "Clients that follow a session"),
        (OUTBOX_DEPTH, "Rows of the outbox that wait to be published"),
        (OUTBOX_AGE, "Age of the oldest row of the outbox, in seconds"),
        (MEMORY_BACKLOG, "Memory writes that wait"),
        (WORK_DEPTH, "Turns and tool calls that are not done, by kind"),
    ] {
        metrics::describe_gauge!(name, says);
    }
}

/// Looks at the queues and the services.
pub(crate) struct EmbeddedHealth {
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) memory: Arc<dyn MemoryQueue>,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) database: Arc<Database>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) hub: Hub,
    pub(crate) world: World,
    pub(crate) stop: Stop,
    pub(crate) supervisor: std::sync::OnceLock<Weak<Supervisor>>,
}

impl EmbeddedHealth {
    /// Measures what waits, until the platform stops.
    pub(crate) async fn sample(&self) {
        while !self.stop.is_set() {
            if let Err(error) = self.measure().await {
                tracing::debug!(%error, "what waits could not be measured");
            }
            let measured = self.world.clock.now();
            while !self.stop.is_set() && self.world.clock.now().since(measured) < SAMPLE {
                metrics::gauge!(FOLLOWERS).set(float(self.hub.followers() as u64));
                self.world.pause(COUNT, &self.stop).await;
            }
        }
    }

    async fn measure(&self) -> PortResult<()> {
        let now = self.world.clock.now();
        let outbox = self.outbox.depth().await?;
        let age = outbox.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        metrics::gauge!(OUTBOX_DEPTH).set(float(outbox.rows));
        metrics::gauge!(OUTBOX_AGE).set(age.as_secs_f64());
        metrics::gauge!(MEMORY_BACKLOG).set(float(self.memory.backlog().await?));
        for (kind, name) in [(WorkKind::Turns, "turns"), (WorkKind::Calls, "calls")] {
            let depth = self.work.depth(kind).await? as u64;
            metrics::gauge!(WORK_DEPTH, "kind" => name).set(float(depth));
        }
        Ok(())
    }

    async fn outbox(&self) -> ComponentHealth {
        match self.outbox.depth().await {
            Ok(depth) => {
                let now = self.world.clock.now();
                let late = depth.oldest.is_some_and(|oldest| now.since(oldest) > LATE);
                waiting(depth.rows, late)
            }
            Err(error) => down(&error),
        }
    }

    async fn turns(&self) -> ComponentHealth {
        match self.work.depth(WorkKind::Turns).await {
            Ok(depth) => waiting(depth as u64, false),
            Err(error) => down(&error),
        }
    }

    async fn memory(&self) -> ComponentHealth {
        match self.memory.backlog().await {
            Ok(backlog) => waiting(backlog, false),
            Err(error) => down(&error),
        }
    }

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

    fn model(&self) -> ComponentHealth {
        match self.provider.fault() {
            Some(fault) => ComponentHealth {
                status: HealthStatus::Degraded,
                detail: Some(fault),
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
            ("model".to_owned(), self.model()),
            ("outbox".to_owned(), self.outbox().await),
            ("turns".to_owned(), self.turns().await),
            ("memory".to_owned(), self.memory().await),
        ]))
    }

    fn not_ready(&self) -> Option<String> {
        if self.stop.is_set() {
            return Some("it stops".into());
        }
        self.database.fault().map(str::to_owned)
    }
}

fn waiting(depth: u64, late: bool) -> ComponentHealth {
    let status = if late { HealthStatus::Degraded } else { HealthStatus::Ok };
    ComponentHealth { status, depth: Some(depth), ..ComponentHealth::default() }
}

fn down(error: &PortError) -> ComponentHealth {
    tracing::warn!(%error, "a part cannot be looked at");
    ComponentHealth { status: HealthStatus::Down, ..ComponentHealth::default() }
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
