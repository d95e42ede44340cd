//! Virtual time and tasks, as the ports of a world.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use soma_core::ports::{Clock, Notification, Spawner, Timer, Waiter, Wake};
use soma_core::time::Timestamp;

use crate::process::Process;
use crate::simulation::Shared;
use crate::state::{ProcessId, State};

/// Tells virtual time: that of the world, or what the clock of a process makes of it.
pub(crate) struct VirtualClock {
    pub(crate) shared: Arc<Shared>,
    pub(crate) of: Option<ProcessId>,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let state = self.shared.state();
        state.now + self.of.map_or(Duration::ZERO, |process| state.lives[process].ahead)
    }
}

#[async_trait]
impl Timer for Process {
    async fn sleep(&self, span: Duration) {
        let sleep = |state: &State| state.due(span);
        Sleep { shared: &self.shared, process: self.id, until: sleep, slot: None }.await;
    }
}

/// Waits as a process does, and to the moment, however late the sleeps of its services end.
pub(crate) struct PunctualTimer(pub(crate) Process);

#[async_trait]
impl Timer for PunctualTimer {
    async fn sleep(&self, span: Duration) {
        let Self(Process { shared, id }) = self;
        Sleep { shared, process: *id, until: |state: &State| state.now + span, slot: None }.await;
    }
}

/// Ends when virtual time has come so far.
struct Sleep<'a, U> {
    shared: &'a Shared,
    process: ProcessId,
    /// When that is, as it begins.
    until: U,
    slot: Option<usize>,
}

impl<U> Unpin for Sleep<'_, U> {}

impl<U> Future for Sleep<'_, U>
where
    U: Fn(&State) -> Timestamp,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state();
        match self.slot {
            None => {
                let until = (self.until)(&state);
                let slot = state.alarms.sleep(self.process, until, context.waker().clone());
                drop(state);
                self.slot = Some(slot);
                Poll::Pending
            }
            Some(slot) if state.alarms.is_awake(slot, context.waker()) => Poll::Ready(()),
            Some(_) => Poll::Pending,
        }
    }
}

impl<U> Drop for Sleep<'_, U> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.shared.state().alarms.forget(slot);
        }
    }
}

impl Spawner for Process {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.shared.spawn(self.id, task);
    }
}

impl Wake for Process {
    fn notify(&self, about: Notification) {
        let lost = {
            let mut state = self.shared.state();
            let one_in = state.weather.lost_pokes;
            state.luck.one_in(one_in)
        };
        if !lost {
            self.shared.wake.notify(about);
        }
    }

    fn waiter(&self, about: Notification) -> Box<dyn Waiter> {
        self.shared.wake.waiter(about)
    }
}
