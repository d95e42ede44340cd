//! The suite of [`RateLimit`].

use std::sync::Arc;
use std::time::Duration;

use super::{Fixture, at_once};
use crate::ids::TenantId;
use crate::ports::rate_limit::{Admission, Rate};
use crate::ports::{CLOCK_SKEW, RateLimit};
use crate::time::Timestamp;

super::suite! { rate_limit:
    exactly_so_many_are_admitted_in_a_window,
    exactly_so_many_are_admitted_when_all_come_at_once,
    clocks_that_differ_share_the_windows,
    refusal_says_when_the_window_ends,
    requests_are_admitted_again_in_the_next_window,
    windows_count_from_the_epoch,
    tenants_do_not_meet,
    keys_do_not_meet,
    rate_of_none_admits_none,
}

/// The beginning of a window of ten seconds.
const START: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);
const RATE: Rate = Rate { requests: 3, per: Duration::from_secs(10) };

fn acme() -> TenantId {
    TenantId::new("acme").unwrap()
}

async fn admitted(limit: &Arc<dyn RateLimit>, tenant: &TenantId, key: &str) -> bool {
    limit.admit(tenant, key, RATE, START).await.unwrap() == Admission::Admitted
}

async fn exhaust(limit: &Arc<dyn RateLimit>) {
    for _ in 0..RATE.requests {
        assert!(admitted(limit, &acme(), "key").await, "there is room");
    }
}

/// The first requests are admitted, and none after them.
pub async fn exactly_so_many_are_admitted_in_a_window<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;

    exhaust(&limit).await;

    assert!(!admitted(&limit, &acme(), "key").await);
    assert!(!admitted(&limit, &acme(), "key").await);
}

/// Of many requests that come at once, exactly so many are admitted.
pub async fn exactly_so_many_are_admitted_when_all_come_at_once<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let (limit, tenant) = (fixture.open().await, acme());
    let rate = Rate { requests: 7, ..RATE };

    for key in ["one", "two", "three", "four"] {
        let asked = (0..40).map(|_| limit.admit(&tenant, key, rate, START));
        let answers = at_once(&fixture, asked).await.into_iter().map(Result::unwrap);

        let admitted = answers.filter(|answer| *answer == Admission::Admitted).count();
        assert_eq!(admitted, 7, "of 40 requests at once {admitted} were admitted with {key:?}");
    }
}

/// Who asks by a clock that is behind is counted where its time is, and changes nothing for who asks
/// by one that is ahead: the clocks of two gateways differ.
pub async fn clocks_that_differ_share_the_windows<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    let ahead = START + RATE.per;
    let behind = Timestamp::from_micros(ahead.as_micros() - 1);
    assert!(ahead.since(behind) <= CLOCK_SKEW, "clocks may differ by as much");

    let mut admitted = [0, 0];
    for _ in 0..2 * RATE.requests {
        for (window, now) in [ahead, behind].into_iter().enumerate() {
            let answer = limit.admit(&acme(), "key", RATE, now).await.unwrap();
            admitted[window] += u32::from(answer == Admission::Admitted);
        }
    }

    assert_eq!(admitted, [RATE.requests; 2], "each window has the requests of the rate");
}

/// A refusal answers the time to the end of the window.
pub async fn refusal_says_when_the_window_ends<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    let later = START + Duration::from_secs(4);
    let refusal = limit.admit(&acme(), "key", RATE, later).await.unwrap();

    assert_eq!(refusal, Admission::RetryAfter(Duration::from_secs(6)));
}

/// At the end of the window as many are admitted again.
pub async fn requests_are_admitted_again_in_the_next_window<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    let next = START + RATE.per;
    let mut admitted = 0;
    for _ in 0..10 {
        let answer = limit.admit(&acme(), "key", RATE, next).await.unwrap();
        admitted += u32::from(answer == Admission::Admitted);
    }

    assert_eq!(admitted, RATE.requests);
}

/// A window begins at a multiple of its length, not with the first request.
pub async fn windows_count_from_the_epoch<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    let rate = Rate { requests: 1, ..RATE };
    let late = START + Duration::from_secs(9);
    let next = START + Duration::from_secs(10);

    let first = limit.admit(&acme(), "key", rate, late).await.unwrap();
    let second = limit.admit(&acme(), "key", rate, late).await.unwrap();
    let third = limit.admit(&acme(), "key", rate, next).await.unwrap();

    assert_eq!(first, Admission::Admitted);
    assert_eq!(second, Admission::RetryAfter(Duration::from_secs(1)));
    assert_eq!(third, Admission::Admitted);
}

/// What one tenant asks is not counted for another.
pub async fn tenants_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    assert!(admitted(&limit, &TenantId::new("bolt").unwrap(), "key").await);
}

/// What is asked with one key is not counted for another of the tenant.
pub async fn keys_do_not_meet<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;
    exhaust(&limit).await;

    assert!(admitted(&limit, &acme(), "other").await);
    assert!(admitted(&limit, &acme(), "").await);
}

/// Where no request is allowed, none is admitted.
pub async fn rate_of_none_admits_none<F>(fixture: F)
where
    F: Fixture<Port = Arc<dyn RateLimit>>,
{
    let limit = fixture.open().await;

    let answer = limit.admit(&acme(), "key", Rate { requests: 0, ..RATE }, START).await.unwrap();

    assert_eq!(answer, Admission::RetryAfter(RATE.per));
}
