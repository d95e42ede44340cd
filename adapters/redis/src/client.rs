//! The server, as every port of this crate asks it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, cmd};
use deadpool_redis::{BuildError, Connection, Manager, Pool, PoolError};
use soma_core::ports::{Clock, PortError, PortResult};
use tokio::sync::Mutex;

use crate::breaker::Breaker;
use crate::failure;
use crate::question::Question;

/// How many commands may wait to be written.
const QUEUE: usize = 1_024;

/// How Redis is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What every key and channel begins with, for deployments that share a server. Nothing by default.
    pub prefix: String,
    /// How long a command may take, a connection that it needs included.
    pub deadline: Duration,
    /// How long nothing is asked after a command failed; then one command tries.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            deadline: Duration::from_millis(250),
            pause: Duration::from_millis(500),
        }
    }
}

/// Why a server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum BadRedis {
    /// Its address is none.
    #[error("not an address of a Redis server")]
    Url(#[source] RedisError),
    /// There can be no connections.
    #[error("no connections to Redis")]
    Pool(#[source] BuildError),
}

/// One Redis server. All commands of a process share one connection, on which those that come at the
/// same time are written together; it is made when it is needed, and anew when it broke.
pub struct Redis {
    client: Client,
    pool: Pool,
    line: Mutex<Line>,
    breaker: Breaker,
    options: Options,
}

soma_core::opaque_debug!(Redis);

/// The connection that all share, if there is one, and how many there were.
#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    number: u64,
}

impl Redis {
    /// The server at `url`: `redis://` or `rediss://` (TLS, by the certificates of the system), with
    /// user, password and database if it has them. Nothing is connected yet, so it may be away.
    ///
    /// # Errors
    ///
    /// [`BadRedis::Url`] if it is no such address.
    pub fn new(url: &str, options: Options, clock: Arc<dyn Clock>) -> Result<Self, BadRedis> {
        // TLS needs a provider. An error says that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::open(url).map_err(BadRedis::Url)?;
        // One deadline is enough: the one in `Options`.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let manager = Manager::new_with_config(client.get_connection_info().clone(), config)
            .map_err(BadRedis::Url)?;
        let pool = Pool::builder(manager).max_size(1).build().map_err(BadRedis::Pool)?;
        let breaker = Breaker::new(options.pause, clock);
        Ok(Self { client, pool, line: Mutex::default(), breaker, options })
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.options.prefix
    }

    /// Asks whether the server answers.
    ///
    /// # Errors
    ///
    /// What every port of this crate is told when it does not.
    pub async fn ping(&self) -> PortResult<()> {
        self.ask(&cmd("PING")).await
    }

    /// Asks the server within the deadline. A connection that broke while nobody used it is found out
    /// by using it, so it may be asked twice: it must not matter whether it was done once or twice.
    pub(crate) async fn ask<T>(&self, question: &impl Question) -> PortResult<T>
    where
        T: FromRedisValue + Send,
    {
        if !self.breaker.admits() {
            return Err(PortError::Unavailable("it did not answer a moment ago".into()));
        }
        let answered = tokio::time::timeout(self.options.deadline, self.answer(question)).await;
        let answer = answered.unwrap_or_else(|_| {
            self.hang_up(None);
            Err(PortError::Ambiguous("no answer in time".into()))
        });
        self.note(answer.as_ref().err());
        answer
    }

    async fn answer<T>(&self, question: &impl Question) -> PortResult<T>
    where
        T: FromRedisValue + Send,
    {
        let (mut line, number) = self.line().await?;
        match question.ask(&mut line).await {
            Err(error) if error.is_unrecoverable_error() => {
                self.hang_up(Some(number));
                let (mut line, _) = self.line().await?;
                question.ask(&mut line).await.map_err(failure::of_command)
            }
            answer => answer.map_err(failure::of_command),
        }
    }

    /// The connection, made if there is none, and its number.
    async fn line(&self) -> PortResult<(MultiplexedConnection, u64)> {
        let mut line = self.line.lock().await;
        if let Some(connection) = &line.connection {
            return Ok(((**connection).clone(), line.number));
        }
        let connection = self.pool.get().await.map_err(not_connected)?;
        line.number += 1;
        Ok(((**line.connection.insert(connection)).clone(), line.number))
    }

    /// Drops a connection, so that the next command makes another: the one of this number, or whichever
    /// there is. While one is made there is none.
    fn hang_up(&self, number: Option<u64>) {
        if let Ok(mut line) = self.line.try_lock()
            && number.is_none_or(|number| number == line.number)
            && let Some(connection) = line.connection.take()
        {
            drop(Connection::take(connection));
        }
    }

    /// Tells the breaker, and whoever reads the log when the server goes and comes back.
    fn note(&self, error: Option<&PortError>) {
        match error {
            // A refusal for good is an answer, too.
            None | Some(PortError::Broken { .. }) => {
                if self.breaker.succeeded() {
                    tracing::info!("Redis answers again");
                }
            }
            Some(error @ (PortError::Unavailable(_) | PortError::Ambiguous(_))) => {
                if self.breaker.failed() {
                    tracing::warn!(%error, "Redis does not answer: it is done without");
                }
            }
        }
    }

    /// A connection of its own that hears what is published on `channel`.
    pub(crate) async fn subscribe(&self, channel: &str) -> PortResult<PubSub> {
        let subscribed = async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection)
        };
        match tokio::time::timeout(self.options.deadline, subscribed).await {
            Ok(subscribed) => subscribed.map_err(failure::of_command),
            Err(_) => Err(PortError::Unavailable("no answer in time".into())),
        }
    }
}

/// No connection, nothing done.
fn not_connected(error: PoolError) -> PortError {
    PortError::Unavailable(Box::new(error))
}
