//! A circuit breaker: a server that is away costs one call its deadline, not every call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use soma_core::ports::Clock;
use soma_core::time::Timestamp;

use crate::lock::locked;

/// Refuses calls for a while after one failed, then lets one through to try.
pub(crate) struct Breaker {
    pause: Duration,
    clock: Arc<dyn Clock>,
    /// When the last call failed, or was let through to try; none while calls succeed.
    failed: Mutex<Option<Timestamp>>,
}

impl Breaker {
    /// A breaker that has seen no failure, and rests for `pause` after one.
    pub(crate) fn new(pause: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { pause, clock, failed: Mutex::default() }
    }

    /// Whether a call may be made now. After a failure that is one call in each pause.
    pub(crate) fn admits(&self) -> bool {
        let now = self.clock.now();
        let mut failed = locked(&self.failed);
        let Some(at) = *failed else { return true };
        // A clock that was set back must not make the pause longer.
        let rested = now < at || now.since(at) >= self.pause;
        if rested {
            *failed = Some(now);
        }
        rested
    }

    /// A call was answered. Tells whether the one before was not.
    pub(crate) fn succeeded(&self) -> bool {
        locked(&self.failed).take().is_some()
    }

    /// A call failed. Tells whether the one before did not.
    pub(crate) fn failed(&self) -> bool {
        locked(&self.failed).replace(self.clock.now()).is_none()
    }
}

#[cfg(test)]
mod tests {
    use soma_inproc::ManualClock;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_000_000)));
        (Breaker::new(PAUSE, Arc::clone(&clock) as _), clock)
    }

    #[test]
    fn one_call_in_each_pause_is_let_through_after_a_failure() {
        let (breaker, clock) = breaker();
        assert!(breaker.admits() && breaker.admits());

        assert!(breaker.failed());
        assert!(!breaker.admits());
        clock.advance(PAUSE);

        assert!(breaker.admits());
        assert!(!breaker.admits());
        clock.advance(PAUSE);
        assert!(breaker.admits());
    }

    #[test]
    fn success_lets_every_call_through_and_is_told_once() {
        let (breaker, _clock) = breaker();
        breaker.failed();

        assert!(!breaker.failed());
        assert!(breaker.succeeded());

        assert!(!breaker.succeeded());
        assert!(breaker.admits() && breaker.admits());
    }
}
