//! What the server can be asked: a command, several together, or a script.

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};

/// Something to ask, as often as it takes.
pub(crate) trait Question: Sync {
    /// Asks it.
    fn ask<T: FromRedisValue + Send>(
        &self,
        line: &mut MultiplexedConnection,
    ) -> impl Future<Output = RedisResult<T>> + Send;
}

impl Question for Cmd {
    async fn ask<T: FromRedisValue + Send>(
        &self,
        line: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        self.query_async(line).await
    }
}

impl Question for Pipeline {
    async fn ask<T: FromRedisValue + Send>(
        &self,
        line: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        self.query_async(line).await
    }
}

/// By its digest; it is loaded where the server does not know it.
impl Question for ScriptInvocation<'_> {
    async fn ask<T: FromRedisValue + Send>(
        &self,
        line: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        self.invoke_async(line).await
    }
}
