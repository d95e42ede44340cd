//! Runs the services of one process, each started and stopped on its own.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;

/// How long a service that panicked rests before it is started again.
const REST: Duration = Duration::from_secs(1);

/// Makes a service, as often as it is started; what it is given stops that one.
pub type Factory = Box<dyn Fn(&Stop) -> Arc<dyn Service> + Send + Sync>;

/// The services of this process.
pub struct Supervisor {
    factories: BTreeMap<&'static str, Factory>,
    running: Mutex<BTreeMap<&'static str, Running>>,
    world: World,
}

struct Running {
    stop: Stop,
    ended: Stop,
}

impl Supervisor {
    /// Supervises what `factories` make, by name; nothing runs yet.
    pub fn new(factories: BTreeMap<&'static str, Factory>, world: World) -> Self {
        Self { factories, running: Mutex::default(), world }
    }

    /// The services, by name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.factories.keys().copied()
    }

    /// Starts a service, unless it runs.
    pub fn start(&self, name: &str) {
        let Some((name, factory)) = self.factories.get_key_value(name) else { return };
        let mut running = self.running();
        if running.get(name).is_some_and(|running| !running.ended.is_set()) {
            return;
        }
        let (stop, ended) = (Stop::new(), Stop::new());
        let service = factory(&stop);
        let task = keep(service, stop.clone(), ended.clone(), self.world.clone());
        self.world.spawner.spawn(task.boxed());
        running.insert(name, Running { stop, ended });
    }

    /// Stops a service and waits for its end.
    pub async fn stop(&self, name: &str) {
        let ended = self.running().get(name).map(|running| {
            running.stop.trigger();
            running.ended.clone()
        });
        if let Some(ended) = ended {
            ended.wait().await;
        }
    }

    /// Stops every service, all at once, and waits for their end.
    pub async fn stop_all(&self) {
        join_all(self.names().map(|name| self.stop(name))).await;
    }

    /// The services that do not run.
    pub fn missing(&self) -> Vec<&'static str> {
        let running = self.running();
        let runs = |name: &&str| running.get(*name).is_some_and(|service| !service.ended.is_set());
        self.names().filter(|name| !runs(name)).collect()
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<&'static str, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a service until it is stopped; one that panics is started again.
async fn keep(service: Arc<dyn Service>, stop: Stop, ended: Stop, world: World) {
    while AssertUnwindSafe(service.run(&stop)).catch_unwind().await.is_err() {
        tracing::error!(service = service.name(), "a service panicked and is started again");
        world.pause(REST, &stop).await;
        if stop.is_set() {
            break;
        }
    }
    ended.trigger();
}

soma_core::opaque_debug!(Supervisor);
