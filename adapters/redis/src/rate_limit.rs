//! Counting requests in Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::pipe;
use soma_core::ids::TenantId;
use soma_core::ports::rate_limit::{Admission, Rate};
use soma_core::ports::{Clock, PortResult, RateLimit};
use soma_core::time::Timestamp;

use crate::client::Redis;
use crate::names;

/// A counter is kept for so much longer than its window: the clocks of two gateways may differ.
const GRACE: Duration = Duration::from_secs(10);

/// Counts the requests that come to all gateways together. While Redis is away each gateway counts
/// its own, by `standby`: nobody is refused who would not be, and what is admitted is at most the rate
/// times the number of gateways.
pub struct RedisRateLimit {
    redis: Arc<Redis>,
    clock: Arc<dyn Clock>,
    standby: Arc<dyn RateLimit>,
}

soma_core::opaque_debug!(RedisRateLimit);

impl RedisRateLimit {
    /// Counters in `redis`, of windows by `clock`; `standby` counts while Redis is away.
    pub const fn new(
        redis: Arc<Redis>,
        clock: Arc<dyn Clock>,
        standby: Arc<dyn RateLimit>,
    ) -> Self {
        Self { redis, clock, standby }
    }

    /// How many requests there are in a window, this one included. The counter begins with its life
    /// span in the same step, so that none is left behind without one.
    async fn count(&self, key: &str, per: Duration) -> PortResult<u64> {
        let life = u64::try_from((per + GRACE).as_millis()).unwrap_or(u64::MAX);
        let mut count = pipe();
        count.atomic();
        count.cmd("SET").arg(key).arg(0).arg("PX").arg(life).arg("NX").ignore();
        count.cmd("INCR").arg(key);
        self.redis.ask::<(u64,)>(&count).await.map(|(count,)| count)
    }
}

#[async_trait]
impl RateLimit for RedisRateLimit {
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission> {
        let window = Window::at(self.clock.now(), rate.per);
        if rate.requests == 0 {
            return Ok(Admission::RetryAfter(window.left));
        }
        let name = names::rate(self.redis.prefix(), tenant, key, &window.name());
        match self.count(&name, rate.per).await {
            Ok(count) if count <= rate.requests.into() => Ok(Admission::Admitted),
            Ok(_) => Ok(Admission::RetryAfter(window.left)),
            Err(error) => {
                tracing::debug!(%error, "requests are counted without Redis");
                self.standby.admit(tenant, key, rate).await
            }
        }
    }
}

/// One window.
struct Window {
    length_micros: i64,
    number: i64,
    /// How long it goes on.
    left: Duration,
}

impl Window {
    /// The one that `now` falls into.
    fn at(now: Timestamp, per: Duration) -> Self {
        let length_micros = i64::try_from(per.as_micros()).unwrap_or(i64::MAX).max(1_000);
        let (now, number) = (now.as_micros(), now.as_micros().div_euclid(length_micros));
        let left = length_micros - now.rem_euclid(length_micros);
        let left = Duration::from_micros(left.unsigned_abs());
        Self { length_micros, number, left }
    }

    /// Windows of different lengths do not meet.
    fn name(&self) -> String {
        format!("{}us-{}", self.length_micros, self.number)
    }
}
