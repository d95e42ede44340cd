//! Session metadata in Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use serde::{Deserialize, Serialize};
use soma_core::ids::SessionId;
use soma_core::ports::{Cache, Clock, PortError, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;

use crate::client::Redis;
use crate::names;

/// Remembers sessions for every gateway. While Redis is away nothing is remembered: a look is a miss.
/// What is put or dropped then says so, since an older value may still be there when it is back.
pub struct RedisCache {
    redis: Arc<Redis>,
    clock: Arc<dyn Clock>,
}

soma_core::opaque_debug!(RedisCache);

/// A session as it is kept: Redis drops it after its time, and no later than by our clock it ends.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    end: Timestamp,
    session: S,
}

impl RedisCache {
    /// Sessions that end by `clock`, in `redis`.
    pub const fn new(redis: Arc<Redis>, clock: Arc<dyn Clock>) -> Self {
        Self { redis, clock }
    }

    fn key(&self, session: SessionId) -> String {
        names::session(self.redis.prefix(), session)
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>> {
        let key = self.key(session);
        let found = self.redis.ask::<Option<Vec<u8>>>(cmd("GET").arg(&key)).await;
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(%error, "no session metadata from Redis");
            None
        });
        // What another version wrote may not be readable: a miss, too.
        let kept = found.and_then(|found| serde_json::from_slice::<Kept<Session>>(&found).ok());
        let now = self.clock.now();
        let kept = kept.filter(|kept| kept.end > now && kept.session.session_id == session);
        Ok(kept.map(|kept| kept.session))
    }

    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()> {
        let key = self.key(session.session_id);
        let kept = Kept { end: self.clock.now() + ttl, session };
        let value = serde_json::to_vec(&kept).map_err(|error| PortError::Broken {
            what: "writing session metadata",
            source: error.into(),
        })?;
        let millis = u64::try_from(ttl.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        self.redis.ask(cmd("SET").arg(&key).arg(&value[..]).arg("PX").arg(millis)).await
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        let key = self.key(session);
        self.redis.ask(cmd("DEL").arg(&key)).await
    }
}
