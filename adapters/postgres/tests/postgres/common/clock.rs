//! The time of a test's database: it stands still until it is told to advance.

use soma_core::contract::ledger::NOW;
use tokio_postgres::Client;

/// Replaces the time of a database by a row of a table.
pub(super) async fn install(admin: &Client) {
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
