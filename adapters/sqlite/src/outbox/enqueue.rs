//! Putting a message into the outbox, once.

use rusqlite::{Connection, params};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxMessage;
use soma_core::time::Timestamp;

use crate::columns::a_day_before;
use crate::database::SqlError;

/// Queues the message, unless one with its topic and dedupe key was queued before.
pub(crate) fn enqueue(
    connection: &Connection,
    message: &OutboxMessage,
    at: Timestamp,
) -> Result<(), SqlError> {
    enqueue_text(connection, message, &message.payload.to_string(), at)
}

/// Queues the message, whose payload as text is known already.
pub(crate) fn enqueue_text(
    connection: &Connection,
    message: &OutboxMessage,
    payload: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    if !is_new(connection, message, at)? {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO outbox (lane, tenant, topic, key, kind, dedupe_key, payload, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            Lane::of(&message.key).0,
            message.tenant.as_str(),
            message.topic.as_str(),
            message.key,
            message.kind,
            message.dedupe_key,
            payload,
            at.as_micros(),
        ])?;
    Ok(())
}

/// Takes note of the message, and forgets some that are older than a day.
fn is_new(
    connection: &Connection,
    message: &OutboxMessage,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let noted = connection
        .prepare_cached(
            "INSERT INTO outbox_dedupe (tenant, topic, dedupe_key, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (dedupe_key, topic) DO NOTHING",
        )?
        .execute(params![
            message.tenant.as_str(),
            message.topic.as_str(),
            message.dedupe_key,
            at.as_micros(),
        ])?;
    if noted == 0 {
        return Ok(false);
    }
    // Two out for one in: the table shrinks, and no commit pays for more.
    connection
        .prepare_cached(
            "DELETE FROM outbox_dedupe
              WHERE id IN (SELECT id FROM outbox_dedupe ORDER BY id LIMIT 2) AND at < ?1",
        )?
        .execute([a_day_before(at)])?;
    Ok(true)
}
