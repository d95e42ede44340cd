//! Tasks without a runtime: they run on the thread that waits for something.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
use soma_core::ports::Spawner;

use crate::lock::locked;

/// Runs tasks while, and only while, [`run`](Self::run) is polled.
#[derive(Default)]
pub struct LocalSpawner {
    new: Mutex<Vec<BoxFuture<'static, ()>>>,
    waker: AtomicWaker,
}

impl LocalSpawner {
    /// A spawner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `main` and every task that was spawned, side by side, until `main` ends; tasks
    /// that are not done by then are dropped.
    pub async fn run<F>(&self, main: F) -> F::Output
    where
        F: Future,
    {
        let mut main = pin!(main);
        let mut tasks = FuturesUnordered::new();
        poll_fn(|context| {
            self.waker.register(context.waker());
            if let Poll::Ready(output) = main.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            loop {
                tasks.extend(locked(&self.new).drain(..));
                let ended = matches!(tasks.poll_next_unpin(context), Poll::Ready(Some(())));
                if !ended && locked(&self.new).is_empty() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

impl Spawner for LocalSpawner {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        locked(&self.new).push(task);
        self.waker.wake();
    }
}

soma_core::opaque_debug!(LocalSpawner);
