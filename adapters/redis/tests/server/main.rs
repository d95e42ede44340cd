//! What is in Redis when the server is emptied, cut off or silent.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::disallowed_methods, reason = "tasks of a test end with it")]

#[path = "../common/mod.rs"]
mod common;
mod gate;

mod budget;
mod cache;
mod flushed;
mod rate_limit;
mod wake;

use std::sync::Arc;
use std::time::Duration;

use soma_core::time::Timestamp;
use soma_inproc::ManualClock;
use soma_redis::{Options, Redis};

use gate::Gate;

/// A server behind a gate, and the clock by which it is tried again.
struct Away {
    gate: Gate,
    redis: Arc<Redis>,
    clock: Arc<ManualClock>,
    options: Options,
}

impl Away {
    /// The gate is open.
    async fn start() -> Option<Self> {
        Self::with(|_| {}).await
    }

    /// The same, for a server that will be silent: nobody waits for it long.
    async fn impatient() -> Option<Self> {
        Self::with(|options| options.deadline = Duration::from_millis(100)).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Option<Self> {
        let url = common::server()?;
        let mut options = common::options(&url).await;
        change(&mut options);
        let (gate, clock) = (Gate::before(&url).await, clock());
        let redis = Redis::new(&gate.url(), options.clone(), Arc::clone(&clock) as _).unwrap();
        Some(Self { gate, redis: Arc::new(redis), clock, options })
    }

    /// The server is back, and may be tried again.
    fn back(&self) {
        self.gate.open();
        self.clock.advance(self.options.pause);
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_762_171_200_000_000)))
}
