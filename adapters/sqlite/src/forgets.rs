//! Sessions that were erased, and whose memories are still to be forgotten.

use rusqlite::{Connection, Row, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::ports::memory_queue::DueForget;
use soma_core::time::Timestamp;

use crate::columns::limit;
use crate::database::SqlError;

/// Leaves a session to be forgotten, at once.
pub(crate) fn put(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
    at: Timestamp,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO memory_forgets (session_id, tenant, erased_at, due_at)
             VALUES (?1, ?2, ?3, 0)",
        )?
        .execute(params![session.as_uuid(), tenant.as_str(), at.as_micros()])?;
    Ok(())
}

/// What is to be forgotten by now.
pub(crate) fn due(
    connection: &Connection,
    now: Timestamp,
    count: usize,
) -> Result<Vec<DueForget>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, session_id, erased_at
               FROM memory_forgets INDEXED BY memory_forgets_due
              WHERE due_at <= ?1 ORDER BY id LIMIT ?2",
        )?
        .query_and_then(params![now.as_micros(), limit(count)], read)?
        .collect()
}

fn read(row: &Row<'_>) -> Result<DueForget, SqlError> {
    Ok(DueForget {
        tenant: TenantId::new(row.get::<_, String>(0)?)?,
        session_id: SessionId::from_uuid(row.get(1)?),
        erased_at: Timestamp::from_micros(row.get(2)?),
    })
}

/// It was forgotten, and is to be again at that time or not any more.
pub(crate) fn forgot(
    connection: &Connection,
    forget: &DueForget,
    again_at: Option<Timestamp>,
) -> Result<(), SqlError> {
    let (session, tenant) = (forget.session_id.as_uuid(), forget.tenant.as_str());
    match again_at {
        Some(at) => connection
            .prepare_cached(
                "UPDATE memory_forgets SET due_at = ?3 WHERE session_id = ?1 AND tenant = ?2",
            )?
            .execute(params![session, tenant, at.as_micros()])?,
        None => connection
            .prepare_cached("DELETE FROM memory_forgets WHERE session_id = ?1 AND tenant = ?2")?
            .execute(params![session, tenant])?,
    };
    Ok(())
}
