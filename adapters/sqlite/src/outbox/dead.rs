//! Dead letters: kept in `dlq`, and published on the dead letters of their topic.

use rusqlite::{Connection, params};
use soma_core::ids::TenantId;
use soma_core::outbox::dead::DeadLetter;

use super::enqueue::enqueue;
use crate::database::SqlError;

/// Keeps the letter and queues its publication; once for the same origin. `tenant` answers for a
/// letter that names none.
pub(crate) fn keep(
    connection: &Connection,
    letter: &DeadLetter,
    tenant: &TenantId,
) -> Result<(), SqlError> {
    let kept = connection
        .prepare_cached(
            "INSERT INTO dlq
                 (letter_id, tenant, topic, partition, position, key, payload, error, at, origin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (letter_id) DO NOTHING",
        )?
        .execute(params![
            letter.id(),
            letter.tenant.as_ref().map(TenantId::as_str),
            letter.topic.as_str(),
            letter.partition,
            letter.offset,
            letter.key,
            letter.payload,
            letter.error,
            letter.at.as_micros(),
            serde_json::to_string(&letter.origin)?,
        ])?;
    if kept > 0 {
        enqueue(connection, &letter.message(tenant), letter.at)?;
    }
    Ok(())
}
