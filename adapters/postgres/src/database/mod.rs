//! The way into the database: a pool of connections, and units of work on them.

mod cause;
mod connect;
mod error;
mod migrations;
mod query;
mod runtime;
mod scope;
mod settings;
mod unit;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::runtime::Handle;
use tokio_postgres::Row;

pub(crate) use cause::Cause;
pub(crate) use error::SqlError;
pub use migrations::migrate;
pub(crate) use query::Query;
pub(crate) use scope::Scope;
pub use settings::{OpenError, Settings};
pub(crate) use unit::Unit;

/// Connections to one database, as a role that owns nothing in it.
pub struct Database {
    pool: Pool,
    /// The longest that an answer is waited for.
    patience: Duration,
    /// Where its connections are driven, and its timers.
    runtime: Handle,
}

soma_core::opaque_debug!(Database);

impl Database {
    /// The database of `settings`. Nothing is connected before it is needed: whether it is there is
    /// asked by [`check`](Self::check). Its connections belong to the tokio runtime of whoever calls
    /// this; its ports may be polled from anywhere.
    ///
    /// # Errors
    ///
    /// [`OpenError::Setting`] if a setting makes no sense, or there is no runtime.
    pub fn new(settings: &Settings) -> Result<Arc<Self>, OpenError> {
        let pool = connect::pool(settings)?;
        let runtime = Handle::try_current().map_err(|error| OpenError::Setting {
            setting: "runtime",
            reason: error.to_string(),
        })?;
        Ok(Arc::new(Self { pool, patience: settings.patience(), runtime }))
    }

    /// Whether the database answers, has the schema of this build, and keeps tenants apart.
    ///
    /// # Errors
    ///
    /// [`OpenError::Unreachable`] if it does not answer, which may pass; the others say what is wrong
    /// with it.
    pub async fn check(&self) -> Result<(), OpenError> {
        migrations::check(self).await
    }

    /// A unit of work for some tenants: one transaction. Waits for a connection, and sends nothing.
    ///
    /// # Errors
    ///
    /// No connection was free in time, or none could be made.
    pub(crate) async fn unit(&self, scope: Scope) -> Result<Unit, SqlError> {
        let connection = runtime::within(&self.runtime, self.pool.get()).await?;
        Ok(Unit::new(connection, &scope, self.patience, self.runtime.clone()))
    }

    /// The rows of one query, in a round trip.
    pub(crate) async fn rows(&self, scope: Scope, query: Query<'_>) -> Result<Vec<Row>, SqlError> {
        let [rows] = self.unit(scope).await?.commit([query]).await?;
        Ok(rows)
    }
}
