//! Requests of clients with an idempotency key.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ids::TenantId;
use soma_core::work::commit::{ClientRequest, Commit, CommitOutcome};

use crate::columns::{a_day_before, from_json};
use crate::database::SqlError;

/// What to answer if the key is known.
pub(super) fn answered(
    connection: &Connection,
    tenant: &TenantId,
    request: &ClientRequest,
) -> Result<Option<CommitOutcome>, SqlError> {
    let pair = |row: &Row<'_>| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?));
    let known = connection
        .prepare_cached(
            "SELECT digest, answer FROM client_requests WHERE tenant = ?1 AND key = ?2",
        )?
        .query_row(params![tenant.as_str(), request.key], pair)
        .optional()?;
    let Some((digest, answer)) = known else { return Ok(None) };
    if digest != request.digest.0 {
        return Ok(Some(CommitOutcome::KeyReused));
    }
    Ok(Some(CommitOutcome::Answered(from_json(&answer)?)))
}

/// Remembers the request, and forgets some that are older than a day.
pub(super) fn remember(connection: &Connection, commit: &Commit) -> Result<(), SqlError> {
    let Some(request) = &commit.request else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO client_requests (tenant, key, digest, answer, at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            commit.tenant.as_str(),
            request.key,
            request.digest.0,
            serde_json::to_string(&request.answer)?,
            commit.at.as_micros(),
        ])?;
    // Two out for one in: the table shrinks, and no commit pays for more.
    connection
        .prepare_cached(
            "DELETE FROM client_requests
              WHERE id IN (SELECT id FROM client_requests ORDER BY id LIMIT 2) AND at < ?1",
        )?
        .execute([a_day_before(commit.at)])?;
    Ok(())
}
