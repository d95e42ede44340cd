//! Forgetting a session.

use rusqlite::{Connection, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::time::Timestamp;

use crate::database::SqlError;
use crate::{forgets, usage};

/// Where the content and the work of a session are. What was used and what was decided stays: it
/// says nothing of what was said.
const TABLES: [&str; 7] = [
    "DELETE FROM session_events WHERE session_id = ?1 AND tenant = ?2",
    "DELETE FROM turn_inputs WHERE turn_id IN
         (SELECT turn_id FROM turns WHERE session_id = ?1 AND tenant = ?2)",
    "DELETE FROM turns WHERE session_id = ?1 AND tenant = ?2",
    "DELETE FROM tool_calls WHERE session_id = ?1 AND tenant = ?2",
    "DELETE FROM work_claims WHERE session_id = ?1 AND tenant = ?2",
    "DELETE FROM memory_write_outbox WHERE session_id = ?1 AND tenant = ?2",
    "DELETE FROM memory_replica WHERE session_id = ?1 AND tenant = ?2",
];

/// Deletes everything that was said, and keeps a mark so that no commit brings it back.
pub(super) fn erase(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let marked = connection
        .prepare_cached(
            "UPDATE sessions SET erased = 1, persona_id = NULL
              WHERE session_id = ?1 AND tenant = ?2 AND erased = 0",
        )?
        .execute(params![session.as_uuid(), tenant.as_str()])?;
    if marked == 0 {
        return Ok(false);
    }
    usage::settle_in_full(connection, tenant, session)?;
    for delete in TABLES {
        connection.prepare_cached(delete)?.execute(params![session.as_uuid(), tenant.as_str()])?;
    }
    forgets::put(connection, tenant, session, at)?;
    connection
        .prepare_cached("DELETE FROM session_cache WHERE session_id = ?1")?
        .execute([session.as_uuid()])?;
    let key = session.to_string();
    connection
        .prepare_cached("DELETE FROM outbox WHERE key = ?1 AND tenant = ?2")?
        .execute(params![key, tenant.as_str()])?;
    connection
        .prepare_cached("DELETE FROM dlq WHERE key = ?1 AND tenant = ?2")?
        .execute(params![key, tenant.as_str()])?;
    Ok(true)
}
