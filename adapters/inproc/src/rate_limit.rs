//! Counting requests in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::{Clock, PortResult, RateLimit};
use soma_core::time::Timestamp;

use crate::lock::locked;

/// Counts the requests of the running windows; those of windows that ended are forgotten.
pub struct InprocRateLimit {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<Window, u32>,
    /// So many windows are counted before those that ended are looked for.
    sweep_at: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    tenant: TenantId,
    key: String,
    per: Duration,
    end: Timestamp,
}

impl InprocRateLimit {
    /// Nothing is counted yet; windows end by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
}

soma_core::opaque_debug!(InprocRateLimit);

impl State {
    /// Forgets what ended whenever the number of windows has doubled since the last time.
    fn sweep(&mut self, now: Timestamp) {
        const LEAST: usize = 1_024;
        if self.counts.len() >= self.sweep_at.max(LEAST) {
            self.counts.retain(|window, _| window.end > now);
            self.sweep_at = 2 * self.counts.len();
        }
    }
}

/// When the window ends that `now` falls into.
fn window_end(now: Timestamp, per: Duration) -> Timestamp {
    let length = i64::try_from(per.as_micros()).unwrap_or(i64::MAX).max(1_000);
    let since_start = now.as_micros().rem_euclid(length);
    Timestamp::from_micros(now.as_micros().saturating_add(length - since_start))
}

#[async_trait]
impl RateLimit for InprocRateLimit {
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission> {
        let now = self.clock.now();
        let end = window_end(now, rate.per);
        let mut state = locked(&self.state);
        state.sweep(now);
        let window = Window { tenant: tenant.clone(), key: key.to_owned(), per: rate.per, end };
        let count = state.counts.entry(window).or_default();
        if *count < rate.requests {
            *count += 1;
            return Ok(Admission::Admitted);
        }
        Ok(Admission::RetryAfter(end.since(now)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn windows_that_ended_are_forgotten() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let limit = InprocRateLimit::new(clock.clone());
        let tenant = TenantId::new("acme").unwrap();
        let rate = Rate { requests: 1, per: Duration::from_secs(1) };

        for number in 0..10_000_u32 {
            let admitted = limit.admit(&tenant, &number.to_string(), rate).now_or_never();
            assert_eq!(admitted.unwrap().unwrap(), Admission::Admitted);
            clock.advance(rate.per);
        }

        assert!(locked(&limit.state).counts.len() <= 1_024);
    }
}
