//! Keeping a memory and the words it is found by.

use rusqlite::{Connection, params};
use soma_core::digest::Digest32;
use soma_core::ids::{PersonaId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, rank, words};

use super::scope::Scope;
use crate::database::SqlError;

/// A memory with what is derived from it. Made before the writer's turn comes, which is short.
pub(super) struct Entry {
    write: MemoryWrite,
    text_digest: Digest32,
    terms: Vec<String>,
}

impl Entry {
    pub(super) fn of(write: &MemoryWrite) -> Self {
        Self {
            text_digest: text_digest(&write.text),
            terms: words::terms(&write.text),
            write: write.clone(),
        }
    }

    /// Puts the memory, in place of one with its key.
    pub(super) fn put(&self, connection: &Connection) -> Result<(), SqlError> {
        let Self { write, text_digest, terms } = self;
        let metadata = (!write.metadata.is_empty())
            .then(|| serde_json::to_string(&write.metadata))
            .transpose()?;
        let id: i64 = connection
            .prepare_cached(
                "INSERT INTO memories (tenant, key, session_id, event_id, at, importance,
                                       text_digest, role, persona_id, text, terms, metadata)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (tenant, key) DO UPDATE SET session_id = excluded.session_id,
                     event_id = excluded.event_id, at = excluded.at,
                     importance = excluded.importance, text_digest = excluded.text_digest,
                     role = excluded.role, persona_id = excluded.persona_id,
                     text = excluded.text, terms = excluded.terms, metadata = excluded.metadata
                 RETURNING id",
            )?
            .query_row(
                params![
                    write.tenant.as_str(),
                    write.key,
                    write.session_id.as_uuid(),
                    write.event_id.as_uuid(),
                    write.at.as_micros(),
                    rank::importance(write.importance),
                    text_digest.0,
                    write.role.as_str(),
                    write.persona_id.as_ref().map(PersonaId::as_str),
                    write.text,
                    terms.join(" "),
                    metadata,
                ],
                |row| row.get(0),
            )?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO memory_terms (rowid, terms) VALUES (?1, ?2)")?
            .execute(params![id, Scope::of(&write.tenant).document(terms)])?;
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
            "DELETE FROM memory_terms WHERE rowid IN
                 (SELECT id FROM memories WHERE tenant = ?1 AND session_id = ?2)",
        )?
        .execute(of_session)?;
    connection
        .prepare_cached("DELETE FROM memories WHERE tenant = ?1 AND session_id = ?2")?
        .execute(of_session)?;
    Ok(())
}
