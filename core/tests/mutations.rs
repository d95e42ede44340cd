//! A suite is as good as what it finds: rate limiters that are wrong on purpose, one way each.
#![cfg(feature = "contract")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use soma_core::contract::Fixture;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::rate_limit::{self as suite, RateLimitUnderTest};
use soma_core::ids::TenantId;
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::{Clock, PortResult, RateLimit};
use soma_core::time::Timestamp;

/// How many requests are let in between reading and writing, before anyone goes on.
const MEETING: usize = 8;
/// How long one waits for the others: only where they do not come at the same time.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flaw {
    #[default]
    None,
    /// The count is read under one lock, and written under another.
    TwoLocks,
    /// A window begins with its first request.
    FromFirst,
}

type Window = (TenantId, String, i64);

#[derive(Default)]
struct Limiter {
    flaw: Flaw,
    counts: Mutex<BTreeMap<Window, u32>>,
    clock: Arc<ManualClock>,
    /// When the first request came.
    first: OnceLock<i64>,
    /// How many are between reading and writing.
    between: Mutex<usize>,
    met: Condvar,
}

impl Limiter {
    /// When the window began that `now` falls into.
    fn begin(&self, now: i64, length: i64) -> i64 {
        let origin = match self.flaw {
            Flaw::FromFirst => *self.first.get_or_init(|| now),
            Flaw::None | Flaw::TwoLocks => 0,
        };
        (now - origin) / length * length + origin
    }

    /// Returns when many have read and none has written, if they come at the same time.
    fn meet(&self) {
        let mut between = self.between.lock().unwrap();
        *between += 1;
        self.met.notify_all();
        drop(self.met.wait_timeout_while(between, PATIENCE, |met| *met < MEETING).unwrap());
    }
}

#[async_trait]
impl RateLimit for Limiter {
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission> {
        let now = self.clock.now();
        let length = i64::try_from(rate.per.as_micros()).unwrap();
        let begin = self.begin(now.as_micros(), length);
        let window = (tenant.clone(), key.to_owned(), begin);
        let mut counts = self.counts.lock().unwrap();
        let count = counts.get(&window).copied().unwrap_or_default();
        if count >= rate.requests {
            let end = Timestamp::from_micros(begin + length);
            return Ok(Admission::RetryAfter(end.since(now)));
        }
        if self.flaw == Flaw::TwoLocks {
            drop(counts);
            self.meet();
            counts = self.counts.lock().unwrap();
        }
        counts.insert(window, count + 1);
        Ok(Admission::Admitted)
    }
}

struct Wrong(Flaw);

#[async_trait]
impl Fixture for Wrong {
    type Port = RateLimitUnderTest;
    const DURABLE: bool = false;

    async fn start() -> Option<Self> {
        Some(Self(Flaw::None))
    }

    async fn open(&self) -> Self::Port {
        let clock = Arc::new(ManualClock::default());
        let limit = Limiter { flaw: self.0, clock: clock.clone(), ..Limiter::default() };
        RateLimitUnderTest { limit: Arc::new(limit), clock }
    }
}

/// Whether a case passes.
fn passes(case: impl Future<Output = ()>) -> bool {
    catch_unwind(AssertUnwindSafe(|| case.now_or_never().unwrap())).is_ok()
}

macro_rules! caught {
    ($suite:ident, $fixture:ty, $($case:ident),+ $(,)?) => {
        /// The names of the cases that fail.
        fn caught(flaw: Flaw) -> Vec<&'static str> {
            let verdicts = [$((stringify!($case), passes(suite::$case(Wrong(flaw))))),+];
            verdicts.into_iter().filter_map(|(case, passes)| (!passes).then_some(case)).collect()
        }
    };
}

soma_core::contract::rate_limit::cases!(caught, rate_limit, Wrong);

#[test]
fn limiter_without_a_flaw_passes() {
    assert_eq!(caught(Flaw::None), Vec::<&str>::new());
}

#[test]
fn limiter_that_reads_and_writes_under_two_locks_is_caught() {
    assert_eq!(caught(Flaw::TwoLocks), ["exactly_so_many_are_admitted_when_all_come_at_once"]);
}

#[test]
fn limiter_whose_windows_begin_with_a_request_is_caught() {
    assert_eq!(caught(Flaw::FromFirst), ["windows_count_from_the_epoch"]);
}
