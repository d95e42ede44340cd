//! The time of a test's database: it stands still until it is told to advance.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::contract::clock::Steer;
use soma_core::contract::ledger::NOW;
use tokio_postgres::Client;

/// Replaces the time of a database by a row of a table.
pub(crate) async fn install(admin: &Client) {
    let now = NOW.as_micros();
    let sql = format!(
        "CREATE TABLE test_clock (now timestamptz NOT NULL);
         INSERT INTO test_clock VALUES ('epoch'::timestamptz + interval '{now} microseconds');
         GRANT SELECT ON test_clock TO soma_service;
         CREATE OR REPLACE FUNCTION soma_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
             AS 'SELECT now FROM test_clock';"
    );
    admin.batch_execute(&sql).await.unwrap();
}

/// Lets time pass in a database.
pub(crate) struct DatabaseClock(pub(crate) Client);

#[async_trait]
impl Steer for DatabaseClock {
    async fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap();
        let sql = "UPDATE test_clock SET now = now + $1::int8 * interval '1 microsecond'";
        self.0.execute(sql, &[&micros]).await.unwrap();
    }
}
