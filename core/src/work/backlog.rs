//! How much work may wait before more of it is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::TenantId;
use crate::time::Timestamp;

/// What has to be done and is not, as a store counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// For each tenant, how many turns or calls are accepted and not done, less the sessions that
    /// somebody works on.
    pub waiting: BTreeMap<TenantId, u64>,
    /// How many are accepted and not done, those that are worked on among them.
    pub unfinished: u64,
    /// How many were accepted since the store was made: it never shrinks by much.
    pub accepted: u64,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogLimits {
    /// The most unfinished turns of one session; at least 1.
    pub per_session: u64,
    /// The most that may wait of one tenant; at least 1.
    pub per_tenant: u64,
    /// The most that may wait in all; at least 1.
    pub in_all: u64,
    /// The longest that work of a tenant is expected to wait.
    pub wait: Duration,
}

impl Default for BacklogLimits {
    /// 32 turns of a session, 1 000 of a tenant, 10 000 in all, and a minute.
    fn default() -> Self {
        Self { per_session: 32, per_tenant: 1_000, in_all: 10_000, wait: Duration::from_mins(1) }
    }
}

/// Why more work is refused, and when it may be welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// The tenant has too much waiting.
    Tenant(Duration),
    /// All together have.
    All(Duration),
}

/// Nobody is told to come back later than this, or sooner than a second.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// What is said while nobody knows how fast work is done.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(10);
/// How much of the estimate a second under load replaces.
const WEIGHT: f64 = 0.2;
/// Nothing is done for as long as so much would have taken: then work stands still, and is not slow.
const STANDSTILL: f64 = 10.0;
/// An estimate holds only after so long under load.
const LEAST_OBSERVED: Duration = Duration::from_secs(3);

/// What waits, and how fast it is done: from samples of the backlog.
#[derive(Clone, Debug, Default)]
pub struct Load {
    last: Option<(Timestamp, Backlog)>,
    /// What was accepted since the last sample.
    since: BTreeMap<TenantId, u64>,
    /// How much is done in a second while something waits.
    rate: f64,
    /// For how long it was observed.
    observed: Duration,
    /// For how long something waits, and nothing was done.
    quiet: Duration,
}

impl Load {
    /// Whether the last sample is so old, or there is none.
    pub fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        self.last.as_ref().is_none_or(|(at, _)| now.since(*at) >= age)
    }

    /// Takes a sample.
    pub fn sample(&mut self, backlog: Backlog, now: Timestamp) {
        if let Some((before, last)) = self.last.take() {
            let span = now.since(before);
            let waited = !last.waiting.is_empty() && !backlog.waiting.is_empty();
            let count = done(&backlog).saturating_sub(done(&last));
            if !waited {
                self.quiet = Duration::ZERO;
            } else if count == 0 {
                self.quiet += span;
            } else if !span.is_zero() {
                self.observe(count, span);
            }
        }
        self.last = Some((now, backlog));
        self.since.clear();
    }

    /// So many were done within a span under load, and nothing for as long as it was quiet before.
    fn observe(&mut self, count: u64, span: Duration) {
        let quiet = std::mem::take(&mut self.quiet);
        if self.rate * quiet.as_secs_f64() >= STANDSTILL {
            // Something was away, which is no overload. How fast work is done now is yet to be seen.
            self.rate = 0.0;
            self.observed = Duration::ZERO;
            return;
        }
        let span = span + quiet;
        let rate = per_second(count, span);
        let weight = (WEIGHT * span.as_secs_f64()).min(1.0);
        let first = self.observed.is_zero();
        self.rate = if first { rate } else { self.rate + (rate - self.rate) * weight };
        self.observed += span;
    }

    /// Work of a tenant was accepted.
    pub fn accepted(&mut self, tenant: &TenantId) {
        *self.since.entry(tenant.clone()).or_default() += 1;
    }

    /// Whether more work of a tenant may be accepted.
    ///
    /// # Errors
    ///
    /// [`Overload`]: why not.
    pub fn admit(&self, tenant: &TenantId, limits: &BacklogLimits) -> Result<(), Overload> {
        let Some((_, sampled)) = &self.last else { return Ok(()) };
        let all = sampled.waiting.values().chain(self.since.values()).sum();
        if all >= limits.in_all {
            return Err(Overload::All(self.pause(all, limits.in_all, 1)));
        }
        let of = |of: &BTreeMap<TenantId, u64>| of.get(tenant).copied().unwrap_or(0);
        let waiting = of(&sampled.waiting);
        let (waiting, sharing) = (waiting + of(&self.since), sampled.waiting.len().max(1));
        if waiting >= limits.per_tenant {
            return Err(Overload::Tenant(self.pause(waiting, limits.per_tenant, sharing)));
        }
        match self.time_for(waiting, sharing) {
            Some(wait) if wait > limits.wait => {
                Err(Overload::Tenant(bounded(wait.saturating_sub(limits.wait))))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// How long a turn takes once it is worked on, by Little's law: as many as are worked on, over how
    /// many are done in a second. A session whose turns are too many has room again by then.
    pub fn turn(&self) -> Duration {
        let worked_on = self.last.as_ref().map_or(0, |(_, sampled)| {
            sampled.unfinished.saturating_sub(sampled.waiting.values().sum())
        });
        self.time_for(worked_on.max(1), 1).map_or(UNKNOWN_PAUSE, bounded)
    }

    /// When so much less waits that there is room again.
    fn pause(&self, waiting: u64, limit: u64, sharing: usize) -> Duration {
        let excess = waiting - limit + 1;
        self.time_for(excess, sharing).map_or(UNKNOWN_PAUSE, bounded)
    }

    /// How long so much takes of a tenant that shares with so many; none if nobody knows.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn time_for(&self, work: u64, sharing: usize) -> Option<Duration> {
        let known = self.observed >= LEAST_OBSERVED && self.rate > 0.0;
        let seconds = work as f64 * sharing as f64 / self.rate;
        known.then(|| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE * 2))
    }
}

const fn done(backlog: &Backlog) -> u64 {
    backlog.accepted.saturating_sub(backlog.unfinished)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

fn bounded(pause: Duration) -> Duration {
    pause.clamp(Duration::from_secs(1), LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BacklogLimits = BacklogLimits {
        per_session: 10,
        per_tenant: 100,
        in_all: 150,
        wait: Duration::from_secs(20),
    };

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn backlog(waiting: &[(&str, u64)], accepted: u64) -> Backlog {
        let waiting = waiting.iter().map(|(name, count)| (tenant(name), *count));
        let waiting: BTreeMap<_, _> = waiting.collect();
        Backlog { unfinished: waiting.values().sum(), waiting, accepted }
    }

    /// Ten seconds under load, in each of which so many were done; at the end these wait.
    fn busy(rate: u64, waiting: &[(&str, u64)]) -> Load {
        let total: u64 = waiting.iter().map(|(_, count)| count).sum();
        let mut load = Load::default();
        for second in 0..=10_u32 {
            load.sample(backlog(waiting, total + rate * u64::from(second)), at(second.into()));
        }
        load
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_refused_before_anything_is_known() {
        assert_eq!(Load::default().admit(&tenant("acme"), &LIMITS), Ok(()));
    }

    #[test]
    fn tenant_with_too_much_waiting_is_refused_and_others_are_not() {
        let mut load = busy(50, &[("acme", 99)]);
        assert_eq!(load.admit(&tenant("acme"), &LIMITS), Ok(()));

        load.accepted(&tenant("acme"));

        assert_eq!(load.admit(&tenant("acme"), &LIMITS), Err(Overload::Tenant(secs(1))));
        assert_eq!(load.admit(&tenant("globex"), &LIMITS), Ok(()));
    }

    #[test]
    fn too_much_in_all_is_refused_to_everyone() {
        let load = busy(10, &[("acme", 90), ("globex", 60)]);

        assert_eq!(load.admit(&tenant("initech"), &LIMITS), Err(Overload::All(secs(1))));
    }

    #[test]
    fn wait_that_is_expected_to_be_too_long_is_refused_with_the_time_until_it_is_not() {
        let slow = busy(2, &[("acme", 60)]);
        let quick = busy(3, &[("acme", 60)]);

        assert_eq!(slow.admit(&tenant("acme"), &LIMITS), Err(Overload::Tenant(secs(10))));
        assert_eq!(quick.admit(&tenant("acme"), &LIMITS), Ok(()));
    }

    #[test]
    fn tenants_share_what_is_done() {
        let load = busy(4, &[("acme", 50), ("globex", 1)]);

        assert_eq!(load.admit(&tenant("acme"), &LIMITS), Err(Overload::Tenant(secs(5))));
        assert_eq!(load.admit(&tenant("globex"), &LIMITS), Ok(()));
    }

    #[test]
    fn idle_time_says_nothing_of_how_fast_work_is_done() {
        let mut load = busy(10, &[("acme", 5)]);
        for second in 11..100 {
            load.sample(backlog(&[], 105), at(second));
        }
        load.sample(backlog(&[("acme", 99)], 204), at(100));

        assert_eq!(load.admit(&tenant("acme"), &LIMITS), Ok(()), "99 take ten seconds");
    }

    /// As while the log is away: what is accepted is not slow, and will be done.
    #[test]
    fn standstill_says_nothing_of_how_fast_work_is_done() {
        let mut load = busy(10, &[("acme", 5)]);
        for second in 11..60 {
            load.sample(backlog(&[("acme", 90)], 190), at(second));
            assert_eq!(load.admit(&tenant("acme"), &LIMITS), Ok(()), "at {second}");
        }
        for second in 60..70 {
            let done = u64::try_from(second - 60).unwrap() * 10;
            load.sample(backlog(&[("acme", 90)], 200 + done), at(second));
            assert_eq!(load.admit(&tenant("acme"), &LIMITS), Ok(()), "at {second}");
        }
    }

    #[test]
    fn work_that_is_done_far_more_slowly_than_before_is_slow() {
        let mut load = busy(10, &[("acme", 60)]);
        for second in 11..60 {
            let done = u64::try_from(second / 10).unwrap();
            load.sample(backlog(&[("acme", 60)], 160 + done), at(second));
        }

        assert!(matches!(load.admit(&tenant("acme"), &LIMITS), Err(Overload::Tenant(_))));
    }

    #[test]
    fn turn_takes_as_long_as_those_that_are_worked_on_at_the_rate_they_are_done() {
        let mut load = Load::default();
        for second in 0..=10_u32 {
            let mut backlog = backlog(&[("acme", 31)], 2 * u64::from(second) + 39);
            backlog.unfinished += 8;
            load.sample(backlog, at(second.into()));
        }

        assert_eq!(load.turn(), secs(4), "eight are worked on, and two done in a second");
        assert_eq!(busy(50, &[("acme", 31)]).turn(), secs(1));
        assert_eq!(Load::default().turn(), UNKNOWN_PAUSE);
    }

    #[test]
    fn who_waits_while_nothing_is_done_is_told_a_guess() {
        let load = busy(0, &[("acme", 100)]);

        assert_eq!(load.admit(&tenant("acme"), &LIMITS), Err(Overload::Tenant(UNKNOWN_PAUSE)));
    }
}
