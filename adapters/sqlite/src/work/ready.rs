//! What a session has to do: its row in `work_claims` follows its turns and calls.

use rusqlite::{Connection, OptionalExtension, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::tool::CallChange;
use soma_core::work::commit::{Commit, WorkKind};

use crate::database::SqlError;

/// The first unfinished turn, if it may be worked on: it has arrived, and if it waits for tools,
/// each has delivered or a person cancelled it.
const OLDEST_TURN: &str = "
    SELECT t.id FROM turns t
     WHERE t.session_id = ?1 AND t.tenant = ?2 AND t.state <> 'done'
       AND t.number = (SELECT min(number) FROM turns WHERE session_id = ?1 AND state <> 'done')
       AND (t.state = 'ready' OR (t.state = 'waiting' AND (t.cancel_requested = 1 OR NOT EXISTS (
            SELECT 1 FROM tool_calls c WHERE c.turn_id = t.turn_id AND c.state <> 'delivered'))))";

/// The first call that was asked for, has arrived, and has no outcome.
const OLDEST_CALL: &str = "
    SELECT id FROM tool_calls
     WHERE session_id = ?1 AND tenant = ?2 AND outcome IS NULL AND state <> 'requested'
     ORDER BY id LIMIT 1";

/// Has the rows of a session follow a commit; `changed` tells whether it changed where a turn is.
pub(crate) fn follow(
    connection: &Connection,
    commit: &Commit,
    changed: bool,
) -> Result<(), SqlError> {
    let asked =
        |change: &CallChange| matches!(change, CallChange::Request { turn_id: Some(_), .. });
    let turns = changed || commit.cancel.is_some() || commit.calls.iter().any(asked);
    for (kind, moved) in [(WorkKind::Turns, turns), (WorkKind::Calls, !commit.calls.is_empty())] {
        if moved {
            refresh(connection, kind, &commit.tenant, commit.session_id)?;
        }
        if commit.is_proof(kind) {
            acquit(connection, kind, commit)?;
        }
    }
    Ok(())
}

/// Nothing is held any more against the work of a commit; its claim may be released with it.
fn acquit(connection: &Connection, kind: WorkKind, commit: &Commit) -> Result<(), SqlError> {
    let sql = if commit.releases(kind) {
        "UPDATE work_claims SET owner = NULL, max_suspects = 4294967295, tries = 0, deaths = 0
          WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3"
    } else {
        "UPDATE work_claims SET max_suspects = 4294967295, tries = 0, deaths = 0
          WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3
            AND (max_suspects < 4294967295 OR tries > 0)"
    };
    let (session, tenant) = (commit.session_id.as_uuid(), commit.tenant.as_str());
    connection.prepare_cached(sql)?.execute(params![session, kind.as_str(), tenant])?;
    Ok(())
}

/// Brings the row of a session up to date after its turns or calls changed.
pub(crate) fn refresh(
    connection: &Connection,
    kind: WorkKind,
    tenant: &TenantId,
    session: SessionId,
) -> Result<(), SqlError> {
    let select = match kind {
        WorkKind::Turns => OLDEST_TURN,
        WorkKind::Calls => OLDEST_CALL,
    };
    let oldest: Option<i64> = connection
        .prepare_cached(select)?
        .query_row(params![session.as_uuid(), tenant.as_str()], |row| row.get(0))
        .optional()?;
    let sql = match oldest {
        Some(_) => {
            "INSERT INTO work_claims (kind, tenant, session_id, oldest) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (session_id, kind) DO UPDATE SET oldest = excluded.oldest
              WHERE oldest IS NOT excluded.oldest"
        }
        None => {
            "UPDATE work_claims SET oldest = ?4
              WHERE kind = ?1 AND tenant = ?2 AND session_id = ?3 AND oldest IS NOT NULL"
        }
    };
    connection.prepare_cached(sql)?.execute(params![
        kind.as_str(),
        tenant.as_str(),
        session.as_uuid(),
        oldest
    ])?;
    Ok(())
}
