//! The system's clock.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use soma_core::ports::Clock;
use soma_core::time::Timestamp;

/// A clock that nobody sets, and that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

/// The least time after which it is looked at how far the system's time is away, in microseconds.
const LOOK: i64 = 1_000;
/// The system's time is caught up with by so much of the time that passes: what is alive for seconds,
/// and says so several times in them, stays alive meanwhile.
const SHARE: i64 = 4;
/// A time that is further away was plainly wrong, and is not gone on with: 12 hours.
const WRONG: i64 = 12 * 3_600 * 1_000_000;

static FOLLOWED: Mutex<Option<Followed>> = Mutex::new(None);

/// Tells the system's time. When that is set, this process follows it slowly, a quarter of an hour in an
/// hour: durations are measured by this clock, and what runs for its first minute would seem to have
/// run for an hour, and to be lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let (system, steady) = (system(), steady());
        let mut followed = FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = followed.get_or_insert(Followed { told: system, steady });
        Timestamp::from_micros(followed.tell(system, steady))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

fn steady() -> i64 {
    let now = clock_gettime(STEADY);
    now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1_000)
}

/// The system's time as it is followed; all in microseconds.
#[derive(Debug)]
struct Followed {
    /// What was told when the steady clock showed `steady`.
    told: i64,
    steady: i64,
}

impl Followed {
    /// What is told when the two clocks show this.
    fn tell(&mut self, system: i64, steady: i64) -> i64 {
        let passed = steady.saturating_sub(self.steady).max(0);
        let now = self.told.saturating_add(passed);
        if passed < LOOK {
            return now;
        }
        let away = system.saturating_sub(now);
        let most = if away.abs() > WRONG { i64::MAX } else { passed / SHARE };
        *self = Self { told: now + away.clamp(-most, most), steady };
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3_600 * SECOND;

    /// What is told each second, for so many seconds after the system's time was set by `jump`.
    fn told_after(jump: i64, seconds: i64) -> Vec<i64> {
        let mut followed = Followed { told: HOUR, steady: 0 };
        (1..=seconds).map(|n| followed.tell(HOUR + n * SECOND + jump, n * SECOND)).collect()
    }

    #[test]
    fn time_that_nobody_sets_is_told_as_it_is() {
        assert_eq!(told_after(0, 3), [HOUR + SECOND, HOUR + 2 * SECOND, HOUR + 3 * SECOND]);
    }

    #[test]
    fn time_that_jumps_is_followed_slowly_and_reached() {
        for jump in [HOUR, -HOUR, 12 * HOUR, 90 * SECOND] {
            let told = told_after(jump, 4 * jump.abs() / SECOND + 1);

            for pair in told.windows(2) {
                let passed = pair[1] - pair[0];
                assert!((SECOND * 3 / 4..=SECOND * 5 / 4).contains(&passed), "{passed}");
            }
            let seconds = i64::try_from(told.len()).unwrap();
            assert_eq!(*told.last().unwrap(), HOUR + seconds * SECOND + jump);
        }
    }

    #[test]
    fn time_that_was_plainly_wrong_is_left_at_once() {
        assert_eq!(told_after(50 * 365 * 24 * HOUR, 1), [50 * 365 * 24 * HOUR + HOUR + SECOND]);
    }

    #[test]
    fn time_that_is_asked_for_all_the_time_is_followed_too() {
        let mut followed = Followed { told: 0, steady: 0 };
        let told = (1..=10 * SECOND).step_by(100).map(|n| followed.tell(n + SECOND, n));

        assert_eq!(told.last().unwrap(), 10 * SECOND - 99 + SECOND);
    }
}
