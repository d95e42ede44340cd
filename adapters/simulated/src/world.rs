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
use crate::state::ProcessId;

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
        Sleep { shared: &self.shared, process: self.id, span, slot: None }.await;
    }
}

/// Ends when virtual time has come so far.
struct Sleep<'a> {
    shared: &'a Shared,
    process: ProcessId,
    span: Duration,
    slot: Option<usize>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.state();
        match self.slot {
            None => {
                let until = state.due(self.span);
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

impl Drop for Sleep<'_> {
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
