//! What keeps the database from being written to, for those who are asked how it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cause::Cause;

/// How long a failure is told although a later write succeeded: on a disk that is nearly full small
/// writes succeed between large ones that do not.
const LATELY: Duration = Duration::from_secs(5);

/// The last failure that was not the fault of a request.
#[derive(Debug, Default)]
pub(super) struct Condition {
    last: Mutex<Option<Failure>>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    cause: Cause,
    at: Instant,
    /// Whether something was written since.
    over: bool,
}

impl Condition {
    /// A transaction ended: well, or because of this.
    pub(super) fn note(&self, cause: Option<Cause>) {
        let mut last = self.last();
        match cause {
            Some(cause) if cause.stops_writes() => {
                *last = Some(Failure { cause, at: now(), over: false });
            }
            Some(_) => {}
            None => {
                if let Some(failure) = &mut *last {
                    failure.over = true;
                }
            }
        }
    }

    /// What keeps it from being written to; none once it is over.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault_at(now())
    }

    fn fault_at(&self, now: Instant) -> Option<&'static str> {
        let failure = (*self.last())?;
        let lately = now.saturating_duration_since(failure.at) < LATELY;
        (lately || !failure.over).then(|| failure.cause.text())
    }

    fn last(&self) -> MutexGuard<'_, Option<Failure>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "only a span is measured, and nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_told_until_a_write_succeeded_and_some_time_has_passed() {
        let condition = Condition::default();
        assert_eq!(condition.fault(), None);

        condition.note(Some(Cause::Full));
        let later = now() + LATELY;

        assert_eq!(condition.fault_at(later), Some("the disk is full"));
        condition.note(None);
        assert_eq!(condition.fault(), Some("the disk is full"));
        assert_eq!(condition.fault_at(later), None);
    }

    #[test]
    fn fault_of_a_request_is_none_of_the_database() {
        let condition = Condition::default();

        condition.note(Some(Cause::Statement));
        condition.note(Some(Cause::Busy));

        assert_eq!(condition.fault(), None);
    }
}
