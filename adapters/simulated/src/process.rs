//! One life of an instance.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use soma_core::flows::liveness::Liveness;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ports::{Clock, Spawner, Timer, Wake};
use soma_decorators::Decorated;

use crate::calls::Condition;
use crate::simulation::Shared;
use crate::state::ProcessId;
use crate::world::{PunctualTimer, VirtualClock};

/// One life of an instance: what it does ends when it dies. A copy is the same life.
#[derive(Clone)]
pub struct Process {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: ProcessId,
}

impl Process {
    pub(crate) const fn new(shared: Arc<Shared>, id: ProcessId) -> Self {
        Self { shared, id }
    }

    /// The world, as this process has it: its clock is a little off, and its sleeps end late if it
    /// stands still, and never once it is dead.
    pub fn world(&self) -> World {
        let this = Arc::new(self.clone());
        World {
            clock: Arc::new(VirtualClock { shared: Arc::clone(&self.shared), of: Some(self.id) })
                as Arc<dyn Clock>,
            timer: Arc::clone(&this) as Arc<dyn Timer>,
            ids: Arc::clone(&self.shared.ids),
            spawner: Arc::clone(&this) as Arc<dyn Spawner>,
            wake: this as Arc<dyn Wake>,
            liveness: Liveness::OF_MANY,
        }
    }

    /// A timer for what is not a service, as a person or a tool: it ends to the moment.
    pub fn punctual_timer(&self) -> Arc<dyn Timer> {
        Arc::new(PunctualTimer(self.clone()))
    }

    /// A port, as this process has it: each call waits until the seed lets it go on, and may suffer.
    pub fn port<P: ?Sized>(&self, inner: Arc<P>) -> Arc<Decorated<P, Self>> {
        Arc::new(Decorated::new(inner, self.clone()))
    }

    /// Runs a task in it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.spawn(self.id, Box::pin(task));
    }

    /// Ends the life, as `kill -9` does: no call of it takes effect any more, and its tasks are
    /// dropped before anything else happens. Whoever calls this in a task of the process itself is
    /// to wait for ever after: see [`die`](Self::die).
    pub fn crash(&self) {
        let mut state = self.shared.state();
        state.line(self.id, || "dies".into());
        state.die(self.id);
    }

    /// Ends its own life, and never comes back.
    pub async fn die<T>(&self) -> T {
        self.crash();
        pending().await
    }

    /// Stands still for so long, as `SIGSTOP` does: then it goes on as if nothing had happened.
    pub fn pause(&self, span: Duration) {
        let mut state = self.shared.state();
        state.line(self.id, || format!("stands still for {span:?}"));
        state.pause(self.id, span);
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.shared.state().lives[self.id].is != Condition::Dead
    }

    /// Given once it is dead and its tasks are dropped.
    pub fn gone(&self) -> Stop {
        self.shared.state().lives[self.id].gone.clone()
    }

    /// Says something in the trace; `what` is only made if there is one.
    pub fn note(&self, what: impl FnOnce() -> String) {
        self.shared.line(self.id, what);
    }

    /// Comes back when the seed lets it go on.
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn { process: self, slot: None }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        write!(f, "{}-{}", state.lives[self.id].unit, state.lives[self.id].number)
    }
}

/// Waits to go on.
pub(crate) struct Turn<'a> {
    process: &'a Process,
    slot: Option<usize>,
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Process { shared, id } = self.process;
        let mut state = shared.state();
        match self.slot {
            None => {
                let is = state.lives[*id].is;
                let slot = state.calls.ask(*id, is, context.waker().clone());
                drop(state);
                self.slot = Some(slot);
                Poll::Pending
            }
            Some(slot) if state.calls.goes_on(slot, context.waker()) => {
                drop(state);
                self.slot = None;
                Poll::Ready(())
            }
            Some(_) => Poll::Pending,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.process.shared.state().calls.forget(slot);
        }
    }
}
