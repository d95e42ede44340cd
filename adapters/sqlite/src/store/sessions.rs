//! Rows of sessions.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::Seq;
use soma_core::digest::Digest32;
use soma_core::ids::{PersonaId, SessionId, TenantId};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;

use crate::columns::limit;
use crate::database::SqlError;

/// The session, if this tenant has it and it was not erased.
pub(crate) fn visible(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
) -> Result<Option<Session>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head,
                    turns_accepted, turns_done
               FROM sessions WHERE session_id = ?1 AND tenant = ?2 AND erased = 0",
        )?
        .query_row(params![session.as_uuid(), tenant.as_str()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// How many events each of these sessions has: a seek each, in one job.
pub(super) fn heads(
    connection: &Connection,
    sessions: &[(TenantId, SessionId)],
) -> Result<Vec<Option<Seq>>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT event_count FROM sessions WHERE session_id = ?1 AND tenant = ?2 AND erased = 0",
    )?;
    let mut head = |(tenant, session): &(TenantId, SessionId)| {
        let key = params![session.as_uuid(), tenant.as_str()];
        Ok(select.query_row(key, |row| Ok(Seq(row.get(0)?))).optional()?)
    };
    sessions.iter().map(&mut head).collect()
}

/// A page of a tenant's sessions, those with the newest events first.
pub(super) fn newest(
    connection: &Connection,
    tenant: &TenantId,
    after: Option<(Timestamp, SessionId)>,
    count: usize,
) -> Result<Vec<Session>, SqlError> {
    let (updated_at, session) = match after {
        Some((at, session)) => (at.as_micros(), *session.as_uuid()),
        None => (i64::MAX, uuid::Uuid::max()),
    };
    connection
        .prepare_cached(
            "SELECT tenant, session_id, persona_id, created_at, updated_at, event_count, head,
                    turns_accepted, turns_done
               FROM sessions
              WHERE tenant = ?1 AND erased = 0 AND (updated_at, session_id) < (?2, ?3)
              ORDER BY updated_at DESC, session_id DESC LIMIT ?4",
        )?
        .query_and_then(params![tenant.as_str(), updated_at, session, limit(count)], read)?
        .collect()
}

/// Writes the session as a commit leaves it.
pub(super) fn save(connection: &Connection, session: &Session) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (tenant, session_id, persona_id, created_at, updated_at,
                                   event_count, head, turns_accepted, turns_done)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (session_id) DO UPDATE SET
                 updated_at = excluded.updated_at, event_count = excluded.event_count,
                 head = excluded.head, turns_accepted = excluded.turns_accepted,
                 turns_done = excluded.turns_done
              WHERE tenant = excluded.tenant AND erased = 0",
        )?
        .execute(params![
            session.tenant.as_str(),
            session.session_id.as_uuid(),
            session.persona_id.as_ref().map(PersonaId::as_str),
            session.created_at.as_micros(),
            session.updated_at.as_micros(),
            session.chain.count.0,
            session.chain.head.0,
            session.turns_accepted,
            session.turns_done,
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Session, SqlError> {
    let persona: Option<String> = row.get(2)?;
    Ok(Session {
        tenant: TenantId::new(row.get::<_, String>(0)?)?,
        session_id: SessionId::from_uuid(row.get(1)?),
        persona_id: persona.map(PersonaId::new).transpose()?,
        created_at: Timestamp::from_micros(row.get(3)?),
        updated_at: Timestamp::from_micros(row.get(4)?),
        chain: Chain { count: Seq(row.get(5)?), head: Digest32(row.get(6)?) },
        turns_accepted: row.get(7)?,
        turns_done: row.get(8)?,
    })
}
