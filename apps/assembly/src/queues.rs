//! What waits: measured now and then, and told when somebody asks.

use std::sync::Arc;
use std::time::Duration;

use soma_core::flows::hub::Hub;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{DeadLetters, MemoryQueue, Outbox, PortError, PortResult, Work};
use soma_core::work::commit::WorkKind;
use soma_services::Ports;
use soma_web::{ComponentHealth, HealthStatus};

/// A message that waits this long to be published is late.
const LATE: Duration = Duration::from_secs(10);
/// How often what waits is measured.
const SAMPLE: Duration = Duration::from_secs(5);
/// How often those who follow are counted: that costs nothing.
const COUNT: Duration = Duration::from_secs(1);

const FOLLOWERS: &str = "gateway_followers";
const OUTBOX_DEPTH: &str = "outbox_depth";
const OUTBOX_AGE: &str = "outbox_oldest_age_seconds";
const DEAD_DEPTH: &str = "gateway_dlq_depth";
const DEAD_AGE: &str = "gateway_dlq_oldest_age_seconds";
const MEMORY_BACKLOG: &str = "memory_sync_backlog";
const WORK_DEPTH: &str = "work_depth";

/// Says what each figure means that a process measures or counts, to what collects them.
pub fn describe_metrics() {
    soma_core::observe::describe_metrics();
    soma_web::describe_metrics();
    for (name, says) in [
        (FOLLOWERS, "Clients that follow a session"),
        (OUTBOX_DEPTH, "Rows of the outbox that wait to be published"),
        (OUTBOX_AGE, "Age of the oldest row of the outbox, in seconds"),
        (DEAD_DEPTH, "Dead letters that are kept, by topic"),
        (DEAD_AGE, "Age of the oldest dead letter of a topic, in seconds"),
        (MEMORY_BACKLOG, "Memory writes that wait"),
        (WORK_DEPTH, "Turns and tool calls that are not done, by kind"),
    ] {
        metrics::describe_gauge!(name, says);
    }
}

/// What waits in the queues of the stores.
#[derive(Clone)]
pub struct Queues {
    outbox: Arc<dyn Outbox>,
    dead_letters: Arc<dyn DeadLetters>,
    memory: Arc<dyn MemoryQueue>,
    work: Arc<dyn Work>,
    world: World,
}

soma_core::opaque_debug!(Queues);

impl Queues {
    /// The queues behind these ports.
    pub fn of(ports: &Ports, world: &World) -> Self {
        Self {
            outbox: Arc::clone(&ports.outbox),
            dead_letters: Arc::clone(&ports.dead_letters),
            memory: Arc::clone(&ports.memory_queue),
            work: Arc::clone(&ports.work),
            world: world.clone(),
        }
    }

    /// Measures what waits, and how many follow on `hub`, until `stop`.
    pub async fn sample(&self, hub: &Hub, stop: &Stop) {
        while !stop.is_set() {
            if let Err(error) = self.measure().await {
                tracing::debug!(%error, "what waits could not be measured");
            }
            let measured = self.world.clock.now();
            while !stop.is_set() && self.world.clock.now().since(measured) < SAMPLE {
                metrics::gauge!(FOLLOWERS).set(float(hub.followers() as u64));
                self.world.pause(COUNT, stop).await;
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
        self.measure_dead_letters().await
    }

    /// A topic that has no dead letters is told, too.
    async fn measure_dead_letters(&self) -> PortResult<()> {
        let (now, depths) = (self.world.clock.now(), self.dead_letters.depth().await?);
        for topic in Topic::ALL.iter().filter(|topic| **topic == topic.source()) {
            let of = depths.iter().filter(|depth| depth.topic.source() == *topic);
            let letters = of.clone().map(|depth| depth.letters).sum();
            let oldest = of.map(|depth| depth.oldest).min();
            let age = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
            let name = topic.dead_letters().as_str();
            metrics::gauge!(DEAD_DEPTH, "topic" => name).set(float(letters));
            metrics::gauge!(DEAD_AGE, "topic" => name).set(age.as_secs_f64());
        }
        Ok(())
    }

    /// What waits to be published.
    pub async fn outbox(&self) -> ComponentHealth {
        match self.outbox.depth().await {
            Ok(depth) => {
                let now = self.world.clock.now();
                let late = depth.oldest.is_some_and(|oldest| now.since(oldest) > LATE);
                waiting(depth.rows, late)
            }
            Err(error) => down(&error),
        }
    }

    /// The turns that are not done.
    pub async fn turns(&self) -> ComponentHealth {
        match self.work.depth(WorkKind::Turns).await {
            Ok(depth) => waiting(depth as u64, false),
            Err(error) => down(&error),
        }
    }

    /// What waits to be remembered.
    pub async fn memory(&self) -> ComponentHealth {
        match self.memory.backlog().await {
            Ok(backlog) => waiting(backlog, false),
            Err(error) => down(&error),
        }
    }
}

fn waiting(depth: u64, late: bool) -> ComponentHealth {
    let status = if late { HealthStatus::Degraded } else { HealthStatus::Ok };
    ComponentHealth { status, depth: Some(depth), ..ComponentHealth::default() }
}

/// A part that cannot be looked at.
pub fn down(error: &PortError) -> ComponentHealth {
    tracing::warn!(%error, "a part cannot be looked at");
    ComponentHealth { status: HealthStatus::Down, ..ComponentHealth::default() }
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
