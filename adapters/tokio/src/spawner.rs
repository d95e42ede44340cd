//! The runtime's tasks, counted.

use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use soma_core::ports::{Spawner, Timer};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Starts tasks on a tokio runtime, and knows which are not done yet.
#[derive(Clone, Debug)]
pub struct TokioSpawner {
    runtime: Handle,
    tasks: TaskTracker,
}

impl TokioSpawner {
    /// Starts tasks on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, tasks: TaskTracker::new() }
    }

    /// Waits until every task is done, but no longer than `within`. Tells how many are not.
    pub async fn drain(&self, timer: &dyn Timer, within: Duration) -> usize {
        self.tasks.close();
        let done = std::pin::pin!(self.tasks.wait());
        match select(done, timer.sleep(within)).await {
            Either::Left(((), _)) => 0,
            Either::Right(((), _)) => self.tasks.len(),
        }
    }
}

impl Spawner for TokioSpawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.spawn_on(task, &self.runtime);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::TokioTimer;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn drain_waits_for_tasks_and_for_the_tasks_they_start() {
        let spawner = TokioSpawner::new(Handle::current());
        let inner = spawner.clone();
        let task = async move {
            TokioTimer.sleep(Duration::from_mins(1)).await;
            inner.spawn(async { TokioTimer.sleep(Duration::from_mins(1)).await }.boxed());
        };
        spawner.spawn(task.boxed());

        assert_eq!(spawner.drain(&TokioTimer, LONG).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn drain_gives_up_in_time_and_tells_what_is_left() {
        let spawner = TokioSpawner::new(Handle::current());
        spawner.spawn(std::future::pending().boxed());
        spawner.spawn(async {}.boxed());

        assert_eq!(spawner.drain(&TokioTimer, LONG).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn task_that_panics_is_done() {
        let spawner = TokioSpawner::new(Handle::current());
        spawner.spawn(async { panic!("on purpose") }.boxed());

        assert_eq!(spawner.drain(&TokioTimer, LONG).await, 0);
    }
}
