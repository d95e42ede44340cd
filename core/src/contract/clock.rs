//! A clock for tests: leases end without anyone sleeping.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::ledger::NOW;
use crate::ports::Clock;
use crate::time::Timestamp;

/// Lets time pass for an implementation that tells the time by itself.
#[async_trait]
pub trait Steer: Send + Sync {
    /// From now on it is `span` later.
    async fn advance(&self, span: Duration);
}

/// A clock that stands still until it is told to advance.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// From now on it is `span` later.
    pub fn pass(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::at(NOW)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Steer for ManualClock {
    async fn advance(&self, span: Duration) {
        self.pass(span);
    }
}
