//! Keeping a memory and the words it is found by.

use rusqlite::{Connection, params};
use soma_core::digest::Digest32;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::MemoryWrite;
use soma_inproc::memory::{rank, words};

use super::scope;
use crate::database::SqlError;

/// A memory with what is derived from it. Made before the writer's turn comes, which is short.
pub(super) struct Entry {
    write: MemoryWrite,
    text_digest: Digest32,
    terms: String,
}

impl Entry {
    pub(super) fn of(write: &MemoryWrite) -> Self {
        // JSON has no word for what is not a number.
        let importance = rank::importance(write.importance);
        Self {
            text_digest: text_digest(&write.text),
            terms: words::terms(&write.text).join(" "),
            write: MemoryWrite { importance, ..write.clone() },
        }
    }

    /// Puts the memory, in place of one with its key.
    pub(super) fn put(&self, connection: &Connection) -> Result<(), SqlError> {
        let Self { write, text_digest, terms } = self;
        let id: i64 = connection
            .prepare_cached(
                "INSERT INTO memories (tenant, key, session_id, at, text_digest, payload)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (tenant, key) DO UPDATE SET session_id = excluded.session_id,
                     at = excluded.at, text_digest = excluded.text_digest,
                     payload = excluded.payload
                 RETURNING id",
            )?
            .query_row(
                params![
                    write.tenant.as_str(),
                    write.key,
                    write.session_id.as_uuid(),
                    write.at.as_micros(),
                    text_digest.0,
                    serde_json::to_string(write)?,
                ],
                |row| row.get(0),
            )?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO memory_words (rowid, scope, terms) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![id, scope(&write.tenant), terms])?;
        Ok(())
    }
}

/// The digest by which a text is found as a whole.
pub(super) fn text_digest(text: &str) -> Digest32 {
    Digest32::of(words::folded(text).as_bytes())
}

/// Removes what was said in a session, words and all.
pub(super) fn forget(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
) -> Result<(), SqlError> {
    let of_session = params![tenant.as_str(), session.as_uuid()];
    connection
        .prepare_cached(
            "DELETE FROM memory_words WHERE rowid IN
                 (SELECT id FROM memories WHERE tenant = ?1 AND session_id = ?2)",
        )?
        .execute(of_session)?;
    connection
        .prepare_cached("DELETE FROM memories WHERE tenant = ?1 AND session_id = ?2")?
        .execute(of_session)?;
    Ok(())
}
