//! Work whose records never arrived.

use rusqlite::{Connection, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;

use super::ready;
use crate::columns::limit;
use crate::database::SqlError;

const MESSAGES: &str = "
    UPDATE turns SET state = 'ready'
     WHERE id IN (SELECT id FROM turns WHERE state = 'accepted' AND accepted_at < ?1
                   ORDER BY accepted_at LIMIT ?2)
    RETURNING tenant, session_id";

/// A turn was accepted before its calls were done.
const RESULTS: &str = "
    UPDATE tool_calls SET state = 'delivered'
     WHERE id IN (SELECT c.id FROM turns t JOIN tool_calls c ON c.turn_id = t.turn_id
                   WHERE t.state = 'waiting' AND t.accepted_at < ?1
                     AND c.state = 'done' AND c.done_at < ?1
                   ORDER BY c.done_at LIMIT ?2)
    RETURNING tenant, session_id";

const REQUESTS: &str = "
    UPDATE tool_calls SET state = 'ready'
     WHERE id IN (SELECT id FROM tool_calls WHERE state = 'requested' AND requested_at < ?1
                   ORDER BY requested_at LIMIT ?2)
    RETURNING tenant, session_id";

/// Makes ready what was committed before a time and has not arrived. Returns how much.
pub(super) fn recover(
    connection: &Connection,
    kind: WorkKind,
    before: Timestamp,
    most: usize,
) -> Result<usize, SqlError> {
    let mut taken = 0;
    let statements: &[&str] = match kind {
        WorkKind::Turns => &[MESSAGES, RESULTS],
        WorkKind::Calls => &[REQUESTS],
    };
    for sql in statements {
        let moved = moved(connection, sql, before, most - taken)?;
        for (tenant, session) in &moved {
            ready::refresh(connection, kind, tenant, *session)?;
        }
        taken += moved.len();
    }
    Ok(taken)
}

fn moved(
    connection: &Connection,
    sql: &str,
    before: Timestamp,
    most: usize,
) -> Result<Vec<(TenantId, SessionId)>, SqlError> {
    connection
        .prepare_cached(sql)?
        .query_and_then(params![before.as_micros(), limit(most)], |row| {
            Ok((TenantId::new(row.get::<_, String>(0)?)?, SessionId::from_uuid(row.get(1)?)))
        })?
        .collect()
}
