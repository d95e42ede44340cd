//! Times that were measured, and what is said of many.

use std::time::Duration;

/// Times of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    sorted: Vec<Duration>,
}

impl Samples {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time that half of them do not exceed.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The time that so many of a hundred do not exceed (nearest rank); zero if there are none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(rank).copied().unwrap_or_default()
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        self.sorted.iter().sum()
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut sorted: Vec<_> = times.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }
}

/// How many there are in a second, if there were `count` in `span`.
pub fn per_second(count: usize, span: Duration) -> f64 {
    number(count) / span.as_secs_f64()
}

/// A count as a number that can be divided.
#[expect(clippy::cast_precision_loss, reason = "what is counted here is far below 2^52")]
pub const fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let samples: Samples = (1..=200).rev().map(Duration::from_millis).collect();

        let [least, median, p99, most] = [0, 50, 99, 100].map(|of| samples.percentile(of));

        assert_eq!([least, median], [1, 100].map(Duration::from_millis));
        assert_eq!([p99, most], [198, 200].map(Duration::from_millis));
    }

    #[test]
    fn nothing_measured_is_no_time() {
        assert_eq!(Samples::default().median(), Duration::ZERO);
    }
}
