//! The breaker: a server that fails is left alone for a while, and so is one that asks for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use soma_core::time::Timestamp;

use crate::failure::{Failure, Kind};

/// The longest that a server may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Lets calls pass, or not.
pub(crate) struct Breaker {
    /// So many failed calls in a row open it.
    failures: u32,
    /// For how long.
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failed: u32,
    /// No call passes before.
    closed_until: Timestamp,
    /// Whether one call tries if the server is back.
    trying: bool,
}

impl Breaker {
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::default() }
    }

    /// Lets a call pass. What became of it is to be told to [`Pass::end`].
    pub(crate) fn admit(&self, now: Timestamp) -> Result<Pass<'_>, Failure> {
        let mut state = self.state();
        let open = state.failed >= self.failures;
        if now < state.closed_until || (open && state.trying) {
            return Err(Failure::new(
                Kind::LeftAlone,
                "it failed, or asked for it, and is left alone",
            ));
        }
        state.trying = open;
        Ok(Pass { breaker: self, tries: open })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. One that is given up tells nothing of the server.
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    tries: bool,
}

impl Pass<'_> {
    /// The call has ended.
    pub(crate) fn end(self, failure: Option<&Failure>, now: Timestamp) {
        let mut state = self.breaker.state();
        if failure.is_some_and(|failure| failure.kind.counts()) {
            state.failed = state.failed.saturating_add(1);
            if state.failed >= self.breaker.failures {
                state.closed_until = state.closed_until.max(now + self.breaker.pause);
            }
        } else {
            state.failed = 0;
        }
        if let Some(wait) = failure.and_then(|failure| failure.wait) {
            state.closed_until = state.closed_until.max(now + wait.min(LONGEST_WAIT));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.tries {
            self.breaker.state().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_000_000 * (1_000 + seconds))
    }

    fn breaker() -> Breaker {
        Breaker::new(3, Duration::from_secs(15))
    }

    fn fail(breaker: &Breaker, kind: Kind, seconds: i64) {
        let failure = Failure::new(kind, "");
        breaker.admit(at(seconds)).unwrap().end(Some(&failure), at(seconds));
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_call_tries_again() {
        let breaker = breaker();
        for kind in [Kind::Away, Kind::Lost, Kind::Failed] {
            fail(&breaker, kind, 0);
        }

        assert!(breaker.admit(at(14)).is_err());
        let trying = breaker.admit(at(15)).unwrap();
        assert!(breaker.admit(at(15)).is_err(), "one is enough to try");
        trying.end(None, at(16));
        assert!(breaker.admit(at(16)).is_ok());
    }

    #[test]
    fn try_that_fails_keeps_it_open_and_one_that_is_given_up_leaves_it_to_the_next() {
        let breaker = breaker();
        for seconds in [0, 1, 2, 20] {
            fail(&breaker, Kind::Away, seconds);
        }

        assert!(breaker.admit(at(34)).is_err());
        drop(breaker.admit(at(35)).unwrap());
        assert!(breaker.admit(at(35)).is_ok());
    }

    #[test]
    fn refusals_do_not_open_it() {
        let breaker = breaker();
        for kind in [Kind::Busy, Kind::Denied, Kind::Foreign, Kind::Rejected, Kind::NotStored] {
            fail(&breaker, Kind::Away, 0);
            fail(&breaker, kind, 0);
        }

        assert!(breaker.admit(at(0)).is_ok());
    }

    #[test]
    fn server_that_asks_for_it_is_left_alone_but_not_for_ever() {
        let breaker = breaker();
        let mut busy = Failure::new(Kind::Busy, "");
        busy.wait = Some(Duration::MAX);

        breaker.admit(at(0)).unwrap().end(Some(&busy), at(0));

        assert!(breaker.admit(at(119)).is_err());
        assert!(breaker.admit(at(120)).is_ok());
    }
}
