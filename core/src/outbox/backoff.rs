//! How long to wait before trying again.

use std::time::Duration;

/// Exponential backoff with full jitter and a cap.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The upper bound of the first wait.
    pub base: Duration,
    /// The upper bound of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The longest wait after `failures` failures, from 1: `min(cap, base · 2^(failures − 1))`.
    pub fn ceiling(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// The wait after `failures` failures; `random` is any number, uniformly drawn.
    pub fn wait(self, failures: u32, random: u64) -> Duration {
        let ceiling = u64::try_from(self.ceiling(failures).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random % ceiling.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(10) };

    #[test]
    fn ceiling_doubles_up_to_the_cap() {
        let millis = |failures| BACKOFF.ceiling(failures).as_millis();

        assert_eq!([millis(1), millis(2), millis(3)], [100, 200, 400]);
        assert_eq!([millis(8), millis(1_000), millis(u32::MAX)], [10_000; 3]);
    }

    #[test]
    fn wait_is_anywhere_from_zero_to_the_ceiling() {
        assert_eq!(BACKOFF.wait(1, 0), Duration::ZERO);
        assert_eq!(BACKOFF.wait(1, 100_000), Duration::from_millis(100));
        assert_eq!(BACKOFF.wait(1, 100_001), Duration::ZERO);
    }
}
