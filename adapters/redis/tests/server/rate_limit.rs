//! Rate limits of several gateways, and while Redis is away.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use soma_core::ids::TenantId;
use soma_core::ports::RateLimit;
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_inproc::InprocRateLimit;
use soma_redis::RedisRateLimit;

use crate::{Away, common};

const RATE: Rate = Rate { requests: 3, per: Duration::from_secs(10) };

fn gateway(away: &Away) -> RedisRateLimit {
    let clock = || Arc::clone(&away.clock) as _;
    let standby = Arc::new(InprocRateLimit::new(clock()));
    RedisRateLimit::new(Arc::clone(&away.redis), clock(), standby)
}

/// How many of ten requests are admitted.
async fn admitted(gateway: &RedisRateLimit) -> u32 {
    let tenant = TenantId::new("acme").unwrap();
    let mut admitted = 0;
    for _ in 0..10 {
        let answer = gateway.admit(&tenant, "message", RATE).await.unwrap();
        admitted += u32::from(answer == Admission::Admitted);
    }
    admitted
}

#[tokio::test]
async fn requests_to_all_gateways_are_counted_together() {
    let Some(away) = Away::start().await else { return };
    let (one, two) = (gateway(&away), gateway(&away));

    assert_eq!((admitted(&one).await, admitted(&two).await), (3, 0));
}

#[tokio::test]
async fn each_gateway_counts_its_own_while_redis_is_away() {
    let Some(away) = Away::start().await else { return };
    let (one, two) = (gateway(&away), gateway(&away));

    away.gate.shut().await;
    let alone = (admitted(&one).await, admitted(&two).await);
    away.back();
    let together = (admitted(&one).await, admitted(&two).await);

    assert_eq!((alone, together), ((3, 3), (3, 0)));
}

#[tokio::test]
async fn counters_are_gone_after_their_windows() {
    let Some(away) = Away::start().await else { return };
    admitted(&gateway(&away)).await;

    let mut beside = common::connect(&away.gate.url()).await;
    let keys = format!("{}ratelimit:acme:message:*", away.options.prefix);
    let keys: Vec<String> = cmd("KEYS").arg(keys).query_async(&mut beside).await.unwrap();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let seconds: i64 = cmd("TTL").arg(key).query_async(&mut beside).await.unwrap();

    assert!((1..=20).contains(&seconds), "{seconds}");
}
