//! Many runs, on many threads, and what they covered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::audit::{ANSWERED, CANCELLED};
use crate::coverage::Coverage;
use crate::run::{Order, Outcome};
use crate::watch::{Pulse, watched};

/// How often a campaign says how far it is.
const NEWS: Duration = Duration::from_secs(5);
/// A campaign that found so many failures has found enough.
const ENOUGH: usize = 20;
/// How many times its time a campaign takes, at most, to hit everything that is listed.
pub const PATIENCE: u32 = 3;

/// Of fewer turns it tells nothing how they ended.
const TELLING: u64 = 1_000;
/// The least turns of a hundred that nobody cancelled and that have their answer.
const LEAST_ANSWERED: u64 = 65;

/// Which seeds are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many; the campaign ends earlier when its time is over.
    pub seeds: u64,
    /// On how many threads, at least 1.
    pub threads: usize,
    /// How long it may take.
    pub most: Option<Duration>,
    /// Whether it goes on for [`PATIENCE`] times as long, if by then a listed fault at a listed await
    /// point was never hit.
    pub covered: bool,
}

/// What a campaign came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The first seed.
    pub from: u64,
    /// How many seeds were run.
    pub runs: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Runs per second, all threads together.
    pub runs_per_second: f64,
    /// How many messages were accepted, all runs together.
    pub messages: u64,
    /// How turns ended, all runs together.
    pub endings: BTreeMap<String, u64>,
    /// How many times a task was polled, all runs together.
    pub steps: u64,
    /// How many misfortunes struck, all runs together.
    pub misfortunes: u64,
    /// The hash of all runs: the same seeds of the same build have the same, in whatever order.
    pub hash: u64,
    /// The runs in which something did not hold: seed and what.
    pub failures: BTreeMap<u64, Vec<String>>,
    /// What was covered.
    #[serde(skip)]
    pub coverage: Coverage,
}

impl Campaign {
    /// Runs it. `news` hears now and then how far it is, `hung` the seed of a run that does not come
    /// back: then the campaign does not, either.
    #[expect(clippy::disallowed_methods, reason = "speed is told in real time")]
    pub fn run(self, news: impl Fn(&Summary) + Sync, hung: impl FnOnce(u64) + Send) -> Summary {
        let begun = Instant::now();
        let next = AtomicU64::new(self.from);
        let end = self.from.saturating_add(self.seeds);
        let over = AtomicBool::new(false);
        let told = Mutex::new(begun);
        let total = Mutex::new(Summary { from: self.from, ..Summary::default() });
        let pulses: Vec<Pulse> = (0..self.threads.max(1)).map(|_| Pulse::default()).collect();
        let simulate = |pulse: &Pulse| {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end || over.load(Ordering::Relaxed) {
                    return;
                }
                let outcome = pulse.run(&Order::of(seed));
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                total.add(&outcome, begun.elapsed());
                over.fetch_or(self.is_over(&total, begun.elapsed()), Ordering::Relaxed);
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.elapsed() >= NEWS {
                    *told = Instant::now();
                    news(&total);
                }
            }
        };
        watched(&pulses, hung, || {
            thread::scope(|scope| {
                for pulse in &pulses {
                    scope.spawn(|| simulate(pulse));
                }
            });
        });
        total.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(self, total: &Summary, elapsed: Duration) -> bool {
        let late = |times| self.most.is_some_and(|most| elapsed >= most * times);
        let complete = || !self.covered || total.coverage.never().is_empty();
        total.failures.len() >= ENOUGH || late(PATIENCE) || late(1) && complete()
    }
}

impl Summary {
    /// Whether enough turns had their answer, of as many as tell something.
    pub fn is_answered(&self) -> bool {
        let many = |how: &str| self.endings.get(how).copied().unwrap_or_default();
        let all = self.endings.values().sum::<u64>() - many(CANCELLED);
        let answered = many(ANSWERED);
        all < TELLING || answered * 100 >= all * LEAST_ANSWERED
    }

    fn add(&mut self, outcome: &Outcome, elapsed: Duration) {
        self.runs += 1;
        self.seconds = elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a speed for people")]
        let runs = self.runs as f64;
        self.runs_per_second = runs / self.seconds.max(1e-9);
        self.messages += outcome.messages;
        for (how, many) in &outcome.endings {
            *self.endings.entry(how.clone()).or_default() += many;
        }
        self.steps += outcome.steps;
        self.misfortunes += outcome.misfortunes.len() as u64;
        self.hash = self.hash.wrapping_add(soma_simulated::mix(outcome.hash ^ outcome.seed));
        if !outcome.violations.is_empty() {
            let what = outcome.violations.iter().map(ToString::to_string).collect();
            self.failures.insert(outcome.seed, what);
        }
        self.coverage.add(&outcome.misfortunes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaign_with_too_few_answers_tells() {
        let summary = |answered, timeouts| {
            let endings = [(ANSWERED, answered), (CANCELLED, 900), ("timeout", timeouts)];
            let endings = endings.map(|(how, many)| (how.to_owned(), many));
            Summary { endings: BTreeMap::from(endings), ..Summary::default() }
        };

        assert!(summary(650, 350).is_answered());
        assert!(!summary(649, 351).is_answered());
        assert!(summary(0, 999).is_answered(), "of so few it tells nothing");
    }

    fn ends_after(seconds: u64, covered: bool) -> bool {
        let most = Some(Duration::from_mins(1));
        let campaign = Campaign { from: 0, seeds: 1, threads: 1, most, covered };
        campaign.is_over(&Summary::default(), Duration::from_secs(seconds))
    }

    #[test]
    fn campaign_that_must_cover_everything_takes_longer_for_it_and_not_for_ever() {
        assert!(!ends_after(59, false));
        assert!(ends_after(60, false));
        assert!(!ends_after(179, true), "nothing was hit yet");
        assert!(ends_after(180, true));
    }
}
