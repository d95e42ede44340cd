//! The suite of [`RateLimit`].

use std::sync::Arc;
use std::time::Duration;

use super::clock::Steer;
use super::{Fixture, at_once};
use crate::ids::TenantId;
use crate::ports::RateLimit;
use crate::ports::rate_limit::{Admission, Rate};

super::suite! { rate_limit:
    exactly_so_many_are_admitted_in_a_window,
    exactly_so_many_are_admitted_when_all_come_at_once,
    refusal_says_when_the_window_ends,
    requests_are_admitted_again_in_the_next_window,
    windows_count_from_the_epoch,
    tenants_do_not_meet,
    keys_do_not_meet,
    rate_of_none_admits_none,
}

/// What the suite tests: who counts, and the clock that it goes by, which shows
/// [`NOW`](super::ledger::NOW): the beginning of a window of ten seconds.
pub struct RateLimitUnderTest {
    /// Who counts.
    pub limit: Arc<dyn RateLimit>,
    /// Lets its time pass.
    pub clock: Arc<dyn Steer>,
}

crate::opaque_debug!(RateLimitUnderTest);

impl RateLimitUnderTest {
    /// Asks with the key `key` of `acme`.
    async fn ask(&self, rate: Rate) -> Admission {
        self.limit.admit(&acme(), "key", rate).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds)).await;
    }
}

const RATE: Rate = Rate { requests: 3, per: Duration::from_secs(10) };

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

async fn admitted(limit: &RateLimitUnderTest, tenant: &TenantId, key: &str) -> bool {
    limit.limit.admit(tenant, key, RATE).await.unwrap() == Admission::Admitted
}

async fn exhaust(limit: &RateLimitUnderTest) {
    for _ in 0..RATE.requests {
        assert!(admitted(limit, &acme(), "key").await, "there is room");
    }
}

/// The first requests are admitted, and none after them.
pub async fn exactly_so_many_are_admitted_in_a_window<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;

    exhaust(&limit).await;

    assert!(!admitted(&limit, &acme(), "key").await);
    assert!(!admitted(&limit, &acme(), "key").await);
}

/// Of many requests that come at once, exactly so many are admitted.
pub async fn exactly_so_many_are_admitted_when_all_come_at_once<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    let rate = Rate { requests: 7, ..RATE };

    for key in ["one", "two", "three", "four"] {
        let tenant = acme();
        let asked = (0..40).map(|_| limit.limit.admit(&tenant, key, rate));
        let answers = at_once(&fixture, asked).await.into_iter().map(Result::unwrap);

        let admitted = answers.filter(|answer| *answer == Admission::Admitted).count();
        assert_eq!(admitted, 7, "of 40 requests at once {admitted} were admitted with {key:?}");
    }
}

/// A refusal carries the time to the end of the window.
pub async fn refusal_says_when_the_window_ends<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    limit.pass(4).await;
    let refusal = limit.ask(RATE).await;

    assert_eq!(refusal, Admission::RetryAfter(Duration::from_secs(6)));
}

/// At the end of the window as many are admitted again.
pub async fn requests_are_admitted_again_in_the_next_window<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    limit.pass(10).await;
    let mut admitted = 0;
    for _ in 0..10 {
        let answer = limit.ask(RATE).await;
        admitted += u32::from(answer == Admission::Admitted);
    }

    assert_eq!(admitted, RATE.requests);
}

/// A window begins at a multiple of its length, not with the first request.
pub async fn windows_count_from_the_epoch<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    let rate = Rate { requests: 1, ..RATE };

    limit.pass(9).await;
    let first = limit.ask(rate).await;
    let second = limit.ask(rate).await;
    limit.pass(1).await;
    let third = limit.ask(rate).await;

    assert_eq!(first, Admission::Admitted);
    assert_eq!(second, Admission::RetryAfter(Duration::from_secs(1)));
    assert_eq!(third, Admission::Admitted);
}

/// What one tenant asks is not counted for another.
pub async fn tenants_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    assert!(admitted(&limit, &TenantId::new("bolt").unwrap(), "key").await);
}

/// What is asked with one key is not counted for another of the tenant.
pub async fn keys_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    assert!(admitted(&limit, &acme(), "other").await);
    assert!(admitted(&limit, &acme(), "").await);
}

/// Where no request is allowed, none is admitted.
pub async fn rate_of_none_admits_none<F>(fixture: F)
where
    F: Fixture<Port = RateLimitUnderTest>,
{
    let limit = fixture.open().await;

    let answer = limit.ask(Rate { requests: 0, ..RATE }).await;

    assert_eq!(answer, Admission::RetryAfter(RATE.per));
}
