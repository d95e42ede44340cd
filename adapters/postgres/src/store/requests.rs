//! Requests of clients with an idempotency key, which are remembered for a day.

use crate::database::{Database, Query, Scope};

/// After so many new ones, old ones are forgotten.
pub(super) const FORGET_AFTER: usize = 256;

/// Forgets some that are older than a day: two for each new one, so that the table shrinks.
pub(super) async fn forget(database: &Database) {
    let sql = "
        DELETE FROM client_requests WHERE id = ANY(ARRAY(
            SELECT id FROM client_requests WHERE at < soma_now() - interval '1 day'
             ORDER BY at LIMIT 512 FOR UPDATE SKIP LOCKED))";
    if let Err(error) = database.rows(Scope::platform(), Query::new(sql, vec![])).await {
        tracing::warn!(%error, "old requests are still remembered");
    }
}
