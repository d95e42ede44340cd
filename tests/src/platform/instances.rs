//! The platform: instances of services that are started, stopped and killed one by one.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use soma_core::flows::hub::Hub;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::identity::Principal;
use soma_core::memory::WalEvent;
use soma_core::ports::Spawner;
use soma_simulation::platform::{Composition, Gateway, Instance, Ports, Settings, settings};

use super::stage::{Stage, Tasks};
use super::watched::{Life, Watch};

/// How long a service may take to stop, in virtual time.
const LONGEST_STOP: Duration = Duration::from_mins(2);

/// The platform.
pub struct Platform {
    /// Time, chance and notifications.
    pub stage: Stage,
    /// The ports as they are, without faults: for those who look at what happened.
    pub truth: Ports,
    ports: Ports,
    settings: Settings,
    watch: Option<Arc<Watch>>,
    running: Mutex<BTreeMap<Instance, Running>>,
}

struct Running {
    stop: Stop,
    life: Life,
    tasks: Arc<Tasks>,
    /// Given when its main task has ended.
    ended: Stop,
    gateway: Option<Gateway>,
}

impl Platform {
    /// A platform of which nothing runs yet. Services use `ports`; what happened is read from
    /// `truth`.
    pub fn new(stage: Stage, truth: Ports, ports: Ports) -> Self {
        Self { stage, truth, ports, settings: settings(), watch: None, running: Mutex::default() }
    }

    /// The rows of the replica that are of a client's tenant.
    pub fn replica_rows(&self, who: &Principal) -> Vec<WalEvent> {
        self.stage.ledger.replica_rows(&who.tenant)
    }

    /// With these settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Watched: every port call is counted, and may be the death of who makes it.
    #[must_use]
    pub fn watched_by(mut self, watch: &Arc<Watch>) -> Self {
        self.watch = Some(Arc::clone(watch));
        self
    }

    /// Starts an instance.
    ///
    /// # Panics
    ///
    /// If it runs already.
    pub fn start(&self, instance: impl Into<Instance>) {
        let instance = instance.into();
        let (stop, ended, life, tasks) = (Stop::new(), Stop::new(), Life::new(), Tasks::new());
        let ports = match &self.watch {
            Some(watch) => watch.over(&self.ports, instance.unit, &life),
            None => self.ports.clone(),
        };
        let composition =
            Composition { ports, settings: self.settings.clone(), world: self.stage.world(&tasks) };
        let (service, gateway): (Arc<dyn Service>, _) =
            if let Some(make) = instance.unit.background() {
                (make(&composition), None)
            } else {
                let gateway = composition.gateway(&Hub::new(), &stop);
                let called = Gateway::new(gateway.clone(), Stop::new(), stop.clone());
                (Arc::new(gateway), Some(called))
            };
        let (seen, over) = (stop.clone(), ended.clone());
        tasks.spawn(Box::pin(async move {
            service.run(&seen).await;
            over.trigger();
        }));
        let running = Running { stop, life, tasks, ended, gateway };
        assert!(self.running().insert(instance, running).is_none(), "{instance:?} runs already");
    }

    /// Stops an instance as SIGTERM does, and waits until it has ended.
    ///
    /// # Panics
    ///
    /// If it does not run, or does not end.
    pub async fn stop(&self, instance: impl Into<Instance>) {
        let instance = instance.into();
        let running = self.take(instance);
        running.stop.trigger();
        let over = self.stage.timer.sleep(LONGEST_STOP);
        let ended = matches!(select(pin!(running.ended.wait()), over).await, Either::Left(_));
        assert!(ended, "{instance:?} does not stop");
        running.tasks.finish().await;
        if let Some(gateway) = running.gateway {
            gateway.gone.trigger();
        }
    }

    /// Kills an instance as `kill -9` does: whatever it was doing, it does no more.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub async fn crash(&self, instance: impl Into<Instance>) {
        let running = self.take(instance.into());
        running.life.end();
        running.tasks.kill().await;
        if let Some(gateway) = running.gateway {
            gateway.gone.trigger();
        }
    }

    /// Kills whoever the watch strikes, and starts it again a moment later.
    pub async fn revive(&self, watch: &Watch) {
        let unit = watch.struck().await.unit;
        self.crash(unit).await;
        self.stage.timer.sleep(Duration::from_millis(10)).await;
        self.start(unit);
    }

    /// A gateway, if one runs.
    pub fn gateway(&self) -> Option<Gateway> {
        self.running().values().find_map(|running| running.gateway.clone())
    }

    /// Lets time pass.
    pub async fn pass(&self, span: Duration) {
        self.stage.timer.sleep(span).await;
    }

    fn take(&self, instance: Instance) -> Running {
        let running = self.running().remove(&instance);
        running.unwrap_or_else(|| panic!("{instance:?} does not run"))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Instance, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

soma_core::opaque_debug!(Platform);
