//! What the server can be asked: a command, several together, or a script.

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisResult, Script, ServerErrorKind, cmd,
};

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

/// A script, and the digest that it is called by.
pub(crate) struct Source {
    text: &'static str,
    digest: String,
}

impl Source {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, digest: Script::new(text).get_hash().to_owned() }
    }

    /// A call of the script on one key.
    pub(crate) fn call(&self, key: &str) -> ScriptCall<'_> {
        ScriptCall { source: self, key: key.to_owned(), arguments: Vec::new() }
    }
}

/// A call of a script.
pub(crate) struct ScriptCall<'a> {
    source: &'a Source,
    key: String,
    arguments: Vec<String>,
}

impl ScriptCall<'_> {
    /// One more argument.
    pub(crate) fn arg(&mut self, argument: impl Into<String>) -> &mut Self {
        self.arguments.push(argument.into());
        self
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = cmd(verb);
        command.arg(script).arg(1).arg(&self.key).arg(&self.arguments);
        command
    }
}

/// By its digest; where the server does not know that, by its text, which makes it known. Loading it
/// first would not do: it may be forgotten again before the call.
impl Question for ScriptCall<'_> {
    async fn ask<T: FromRedisValue + Send>(
        &self,
        line: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        let by_digest = self.command("EVALSHA", &self.source.digest);
        match by_digest.query_async(line).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.command("EVAL", self.source.text).query_async(line).await
            }
            answer => answer,
        }
    }
}
