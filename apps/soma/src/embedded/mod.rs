//! The six services on the embedded default: one SQLite file, one process, nothing else.

mod memory;
mod ports;
mod services;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use soma_assembly::{Queues, Reached, describe_metrics, hosts, settings};
use soma_core::flows::hub::Hub;
use soma_core::flows::liveness::Liveness;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_inproc::InprocWake;
use soma_runtime::config::Config;
use soma_runtime::report::Fatal;
use soma_services::{Composition, Supervisor};
use soma_sqlite::SqliteLog;
use soma_tokio::{TokioSpawner, TokioTimer};

use crate::health::EmbeddedHealth;

/// The name of the database's file in the data folder.
const FILE: &str = "soma.db";
/// How often records that are too old are dropped from the log.
const PRUNE: Duration = Duration::from_hours(1);

/// The platform, running.
#[derive(Debug)]
pub struct Embedded {
    supervisor: Arc<Supervisor>,
    spawner: TokioSpawner,
    stop: Stop,
    drain: Duration,
    model: String,
}

impl Embedded {
    /// Opens the database in `folder`, which no other process uses, and starts the six services;
    /// the gateway answers on `listener`. To be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Fatal`] if the database cannot be opened, or the policy not be read.
    pub async fn start(
        config: &Config,
        folder: &Path,
        listener: TcpListener,
        metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Result<Self, Fatal> {
        describe_metrics();
        let spawner = TokioSpawner::new(tokio::runtime::Handle::current());
        let wake = Arc::new(InprocWake::new());
        let world = World { liveness: Liveness::OF_ONE, ..soma_tokio::world(&spawner, wake) };
        let ports::Embedded { ports, database, provider, log } =
            ports::Embedded::open(config, &folder.join(FILE), &world).await?;
        let (stop, hub) = (Stop::new(), Hub::new());
        let model = ports.model.describe();
        let queues = Queues::of(&ports, &world);
        let health = Arc::new(EmbeddedHealth {
            queues: queues.clone(),
            database,
            provider,
            stop: stop.clone(),
            supervisor: OnceLock::new(),
        });
        let composition = Composition { ports, settings: settings(config), world: world.clone() };
        let listener = Arc::new(listener);
        let reached = Reached {
            health: Arc::clone(&health) as _,
            hub: hub.clone(),
            metrics,
            listener,
            hosts: hosts(config)?,
        };
        let factories = services::factories(config, &composition, &reached);
        let supervisor = Arc::new(Supervisor::new(factories, world.clone()));
        // The report on the services must not keep them alive.
        let _ = health.supervisor.set(Arc::downgrade(&supervisor));
        for name in supervisor.names() {
            supervisor.start(name);
        }
        let sampled = stop.clone();
        world.spawner.spawn(async move { queues.sample(&hub, &sampled).await }.boxed());
        let prune = prune(log, config.log_retention, world.clone(), stop.clone());
        world.spawner.spawn(prune.boxed());
        world.spawner.spawn(memory::give_back(world.clone(), stop.clone()).boxed());
        Ok(Self { supervisor, spawner, stop, drain: config.drain, model })
    }

    /// Which model answers, for people.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Starts one service again.
    pub fn start_service(&self, name: &str) {
        self.supervisor.start(name);
    }

    /// Stops one service; the others go on.
    pub async fn stop_service(&self, name: &str) {
        self.supervisor.stop(name).await;
    }

    /// Stops taking work, finishes or releases what is in hand, and returns.
    pub async fn stop(self) {
        self.stop.trigger();
        self.supervisor.stop_all().await;
        let left = self.spawner.drain(&TokioTimer, self.drain).await;
        if left > 0 {
            tracing::warn!(left, "tasks were ended when the drain time was over");
        }
    }
}

/// Drops records that are too old, now and then until `stop`.
async fn prune(log: Arc<SqliteLog>, retention: Duration, world: World, stop: Stop) {
    while !stop.is_set() {
        if let Err(error) = log.prune(world.clock.now(), retention).await {
            tracing::warn!(%error, "old records could not be dropped");
        }
        world.pause(PRUNE, &stop).await;
    }
}
