//! Virtual time, ids that count, and the tasks of one instance.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use soma_core::flows::liveness::Liveness;
use soma_core::flows::world::World;
use soma_core::ports::{Clock, Ids, Model, Spawner, Timer, Toolbox, Wake};
use soma_core::time::Timestamp;
use soma_inproc::{CountingIds, InprocLedger, InprocWake};
use soma_simulation::platform::Ports;
use soma_tokio::TokioTimer;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Noon of a day in UTC, so that no test crosses midnight.
const BEGINNING: Timestamp = Timestamp::from_micros(20_000 * 86_400_000_000 + 43_200_000_000);

/// What every instance shares of the world: time, chance and notifications.
#[derive(Clone)]
pub struct Stage {
    /// Tells virtual time.
    pub clock: Arc<dyn Clock>,
    /// Waits in virtual time.
    pub timer: Arc<dyn Timer>,
    /// Counts.
    pub ids: Arc<dyn Ids>,
    /// Notifies.
    pub wake: Arc<dyn Wake>,
    /// What is true, for those who look into it or damage it.
    pub ledger: Arc<InprocLedger>,
}

impl Stage {
    /// A stage at the beginning of time. To be made inside a runtime whose time is paused.
    pub fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        Self {
            ledger: Arc::new(InprocLedger::new(Arc::clone(&clock))),
            clock,
            timer: Arc::new(TokioTimer),
            ids: Arc::new(CountingIds::default()),
            wake: Arc::new(InprocWake::new()),
        }
    }

    /// Every port in memory, with a policy that allows everything.
    pub fn ports(&self, model: Arc<dyn Model>, tools: Arc<dyn Toolbox>) -> Ports {
        Ports::over_ledger(&self.ledger, &self.clock, &self.timer, model, tools)
    }

    /// The world of an instance with these tasks.
    pub(super) fn world(&self, tasks: &Arc<Tasks>) -> World {
        World {
            clock: Arc::clone(&self.clock),
            timer: Arc::clone(&self.timer),
            ids: Arc::clone(&self.ids),
            spawner: Arc::clone(tasks) as Arc<dyn Spawner>,
            wake: Arc::clone(&self.wake),
            liveness: Liveness::OF_MANY,
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

soma_core::opaque_debug!(Stage);

/// Goes by the runtime's time, which tests let jump.
struct VirtualClock {
    start: Instant,
}

impl VirtualClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        BEGINNING + self.start.elapsed()
    }
}

/// The tasks of one instance: they end together.
#[derive(Debug)]
pub(super) struct Tasks {
    runtime: Handle,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Tasks {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { runtime: Handle::current(), running: Mutex::default() })
    }

    /// Drops every task where it stands.
    pub(super) async fn kill(&self) {
        let tasks =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            settle(task.await);
        }
    }

    /// Waits for every task to end.
    pub(super) async fn finish(&self) {
        let tasks =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            settle(task.await);
        }
    }
}

/// A task that was dropped is as good as one that ended; one that panicked is a failed test.
fn settle(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Spawner for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let task = self.runtime.spawn(task);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|task| !task.is_finished());
        running.push(task);
    }
}
