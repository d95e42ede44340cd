//! A unit of work: one transaction on one connection.

use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::{join, join_all};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{Client, Row, Statement};

use super::error::SqlError;
use super::query::Query;
use super::runtime::within;
use super::scope::Scope;

/// A transaction. What it is given to run is sent at once and answered in order: one round trip,
/// whatever the number of queries. A unit that is dropped is rolled back, with its connection.
///
/// If a query fails, the unit is of no more use.
pub(crate) struct Unit {
    /// None once it is given back.
    connection: Option<Object>,
    /// What begins the transaction; none once that was sent.
    begin: Option<String>,
    patience: Duration,
    runtime: Handle,
}

impl Unit {
    pub(super) fn new(
        connection: Object,
        scope: &Scope,
        patience: Duration,
        runtime: Handle,
    ) -> Self {
        Self { connection: Some(connection), begin: Some(scope.begin()), patience, runtime }
    }

    /// The rows of each query, in their order. The statements of one call see what those before them
    /// did, and what others have committed by then.
    ///
    /// # Errors
    ///
    /// That of the first query that failed: nothing of the unit happened.
    pub(crate) async fn run<Q>(&mut self, queries: Q) -> Result<Q::Rows, SqlError>
    where
        Q: Queries,
    {
        let rows = self.send(&queries, None).await?;
        Ok(Q::rows(rows))
    }

    /// As [`run`](Self::run), and then commits.
    ///
    /// # Errors
    ///
    /// That of the first query that failed; [`SqlError::Unknown`] if nobody answered whether it was
    /// committed.
    pub(crate) async fn commit<Q>(mut self, queries: Q) -> Result<Q::Rows, SqlError>
    where
        Q: Queries,
    {
        let rows = self.send(&queries, Some("COMMIT")).await?;
        Ok(Q::rows(rows))
    }

    /// Undoes what was done, and gives the connection back.
    pub(crate) async fn roll_back(mut self) {
        if self.begin.is_some() || self.send::<[Query<'_>; 0]>(&[], Some("ROLLBACK")).await.is_ok()
        {
            drop(self.connection.take());
        }
    }

    async fn send<Q>(
        &mut self,
        queries: &Q,
        end: Option<&'static str>,
    ) -> Result<Vec<Vec<Row>>, SqlError>
    where
        Q: Queries,
    {
        let Some(connection) = &self.connection else { return Err(SqlError::Ended) };
        let client: &Client = connection;
        let queries = queries.as_slice();
        let answers = async {
            let statements = prepared(connection, queries).await?;
            let begun = simple(client, self.begin.take());
            let ran = queries
                .iter()
                .zip(&statements)
                .map(|(query, statement)| client.query(statement, &query.parameters));
            let ended = simple(client, end.map(str::to_owned));
            let ((begun, ran), ended) = join(join(begun, join_all(ran)), ended).await;
            begun?;
            let rows = ran.into_iter().collect::<Result<Vec<_>, _>>();
            let rows = rows.map_err(|error| SqlError::of_query(error, end.is_some()))?;
            ended.map_err(SqlError::of_commit)?;
            Ok(rows)
        };
        let in_time = async { timeout(self.patience, answers).await };
        let rows = within(&self.runtime, in_time)
            .await
            .unwrap_or_else(|_| Err(SqlError::silent(end.is_some())))?;
        if end.is_some() {
            drop(self.connection.take());
        }
        Ok(rows)
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // Something may still be under way on it.
        if self.begin.is_none()
            && let Some(connection) = self.connection.take()
        {
            drop(Object::take(connection));
        }
    }
}

/// A statement that this connection has seen costs nothing.
async fn prepared(
    connection: &Object,
    queries: &[Query<'_>],
) -> Result<Vec<Statement>, tokio_postgres::Error> {
    let prepared = queries.iter().map(|query| connection.prepare_cached(query.sql));
    join_all(prepared).await.into_iter().collect()
}

async fn simple(client: &Client, sql: Option<String>) -> Result<(), tokio_postgres::Error> {
    match sql {
        Some(sql) => client.batch_execute(&sql).await,
        None => Ok(()),
    }
}

/// Some queries, and the rows of as many.
pub(crate) trait Queries {
    /// The rows of each.
    type Rows;

    /// The queries.
    fn as_slice(&self) -> &[Query<'_>];

    /// As many as there are queries.
    fn rows(rows: Vec<Vec<Row>>) -> Self::Rows;
}

impl<const N: usize> Queries for [Query<'_>; N] {
    type Rows = [Vec<Row>; N];

    fn as_slice(&self) -> &[Query<'_>] {
        self
    }

    fn rows(rows: Vec<Vec<Row>>) -> Self::Rows {
        let mut rows = rows.into_iter();
        std::array::from_fn(|_| rows.next().unwrap_or_default())
    }
}

impl Queries for Vec<Query<'_>> {
    type Rows = Vec<Vec<Row>>;

    fn as_slice(&self) -> &[Query<'_>] {
        self
    }

    fn rows(rows: Vec<Vec<Row>>) -> Self::Rows {
        rows
    }
}
