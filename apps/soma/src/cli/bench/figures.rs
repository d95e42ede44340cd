//! How the turns of a load went.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::load::{Load, Pace};
use super::talk::Timing;

/// Turns that have ended.
#[derive(Default)]
pub(super) struct Tally {
    timings: Vec<Timing>,
    failures: BTreeMap<String, u32>,
}

impl Tally {
    pub(super) fn answered(&mut self, timing: Timing) {
        self.timings.push(timing);
    }

    pub(super) fn fail(&mut self, reason: String) {
        *self.failures.entry(reason).or_default() += 1;
    }

    pub(super) fn join(&mut self, other: Self) {
        self.timings.extend(other.timings);
        for (reason, count) in other.failures {
            *self.failures.entry(reason).or_default() += count;
        }
    }
}

/// What is told of them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Of an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    sessions: u32,
    /// Until the last turn ended.
    seconds: f64,
    /// Those that were answered, and rightly.
    turns: u32,
    /// Those that were not, by the reason.
    failures: BTreeMap<String, u32>,
    turns_per_second: f64,
    accepted_ms: Times,
    first_piece_ms: Times,
    final_ms: Times,
}

/// Milliseconds that so many of a hundred turns did not exceed.
#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Report {
    pub(super) fn of(load: &Load, tally: Tally, took: Duration) -> Self {
        let Tally { timings, failures } = tally;
        let turns = u32::try_from(timings.len()).unwrap_or(u32::MAX);
        let times = |part: fn(&Timing) -> Duration| Times::of(timings.iter().map(part).collect());
        Self {
            rate: match load.pace {
                Pace::Open(rate) => Some(rate),
                Pace::Closed => None,
            },
            sessions: load.sessions,
            seconds: took.as_secs_f64(),
            turns,
            failures,
            turns_per_second: f64::from(turns) / took.as_secs_f64(),
            accepted_ms: times(|timing| timing.accepted),
            first_piece_ms: times(|timing| timing.first),
            final_ms: times(|timing| timing.last),
        }
    }

    /// Whether there were turns, and none failed.
    pub(super) fn is_clean(&self) -> bool {
        self.turns > 0 && self.failures.is_empty()
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|error| error.to_string(), |it| it + "\n")
    }
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let of = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(rank).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        Self { p50: of(50), p95: of(95), p99: of(99) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, seconds, turns, turns_per_second, .. } = self;
        match self.rate {
            Some(rate) => write!(f, "Open loop, {rate} turns/s over ")?,
            None => write!(f, "Closed loop of ")?,
        }
        writeln!(f, "{sessions} sessions, {seconds:.1} s\n")?;
        writeln!(f, "  {:<22}{turns:>9}", "turns")?;
        writeln!(f, "  {:<22}{:>9}", "failures", self.failures.values().sum::<u32>())?;
        for (reason, count) in &self.failures {
            writeln!(f, "  {count:>31} × {reason}")?;
        }
        writeln!(f, "  {:<22}{turns_per_second:>9.1}\n", "turns/s")?;
        writeln!(f, "  {:<22}{:>9}{:>10}{:>10}", "ms", "p50", "p95", "p99")?;
        for (name, times) in [
            ("POST to 202", &self.accepted_ms),
            ("POST to first piece", &self.first_piece_ms),
            ("POST to final", &self.final_ms),
        ] {
            let Times { p50, p95, p99 } = times;
            writeln!(f, "  {name:<22}{p50:>9.1}{p95:>10.1}{p99:>10.1}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_tells_percentiles_and_why_turns_failed() {
        let load = Load {
            pace: Pace::Open(100),
            sessions: 2,
            span: Duration::ZERO,
            message: String::new(),
        };
        let mut tally = Tally::default();
        for millis in 1..=200 {
            let [accepted, first, last] = [1, 2, 3].map(|by| Duration::from_millis(by * millis));
            tally.answered(Timing { accepted, first, last });
        }
        tally.fail("the stream ended".into());

        let report = Report::of(&load, tally, Duration::from_secs(2));

        assert!(!report.is_clean());
        let table = report.to_string();
        let words: Vec<&str> = table.split_whitespace().collect();
        let has = |row: &[&str]| words.windows(row.len()).any(|some| some == row);
        assert!(
            has(&["turns", "200", "failures", "1", "1", "×", "the", "stream", "ended"]),
            "{table}"
        );
        assert!(has(&["turns/s", "100.0"]), "{table}");
        assert!(has(&["to", "final", "300.0", "570.0", "594.0"]), "{table}");
    }
}
