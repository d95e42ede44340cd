//! Steering the time of a test's database.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::contract::clock::Steer;
use tokio_postgres::Client;

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
