//! Claims of sessions: who gets what, and how it stands.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ids::{OwnerId, SessionId, TenantId, TurnId};
use soma_core::ports::work::{
    CancelledTurn, Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release,
};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;
use soma_core::work::suspicion::Suspicion;

use super::owners;
use super::queue::{Candidate, Queue};
use crate::database::SqlError;
use crate::store::{calls, sessions, turns};

/// Claims the next sessions with work.
pub(super) fn claim(
    connection: &Connection,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<Claimed, SqlError> {
    owners::keep_alive(connection, request, now, false)?;
    owners::judge_dead(connection, request.kind, now)?;
    let suspect_limit = owners::suspect_limit(connection, request, now)?;
    let mut queue = Queue::open(connection, request, suspect_limit, now)?;
    let mut claims = Vec::new();
    while claims.len() < request.most
        && let Some(next) = queue.next()?
    {
        claims.push(take(connection, request, &next)?);
    }
    if !claims.is_empty() {
        owners::keep_alive(connection, request, now, true)?;
    }
    Ok(Claimed { claims, more: queue.must_wait()? })
}

/// Gives a session to its new owner, with all that it needs to begin.
fn take(
    connection: &Connection,
    request: &ClaimRequest,
    next: &Candidate,
) -> Result<Claim, SqlError> {
    let epoch = next.epoch + 1;
    connection
        .prepare_cached("UPDATE work_claims SET owner = ?2, epoch = ?3 WHERE id = ?1")?
        .execute(params![next.id, request.owner.as_uuid(), epoch])?;
    let session_id = SessionId::from_uuid(next.session);
    let tenant = TenantId::new(next.tenant.clone())?;
    let session = sessions::visible(connection, &tenant, session_id)?
        .ok_or_else(|| SqlError::Row("work of a session that is not there".into()))?;
    let (turn_id, calls) = match request.kind {
        WorkKind::Turns => (Some(turn_at(connection, next.oldest)?), Vec::new()),
        WorkKind::Calls => (None, calls::open(connection, session_id)?),
    };
    // A record that cannot be read is told to whoever asks for it, not to those who claim beside it.
    let turn = turn_id.and_then(|turn| turns::record(connection, turn).ok().flatten());
    Ok(Claim {
        tenant,
        session_id,
        kind: request.kind,
        owner: request.owner,
        epoch,
        turn_id,
        tries: next.suspicion.tries,
        session,
        turn,
        calls,
    })
}

fn turn_at(connection: &Connection, row: i64) -> Result<TurnId, SqlError> {
    let turn = connection
        .prepare_cached("SELECT turn_id FROM turns WHERE id = ?1")?
        .query_row([row], |row| Ok(TurnId::from_uuid(row.get(0)?)))?;
    Ok(turn)
}

/// Keeps an owner alive that nobody found dead, and tells how its claims stand.
pub(super) fn heartbeat(
    connection: &Connection,
    (kind, owner): (WorkKind, OwnerId),
    holding: &[Holding],
    until: Timestamp,
) -> Result<Heartbeat, SqlError> {
    let text = kind.as_str();
    connection
        .prepare_cached("UPDATE work_owners SET until = ?3 WHERE kind = ?1 AND owner = ?2")?
        .execute(params![text, owner.as_uuid(), until.as_micros()])?;
    let mut held = connection.prepare_cached(
        "SELECT 1 FROM work_claims
          WHERE session_id = ?1 AND kind = ?2 AND owner = ?3 AND epoch = ?4",
    )?;
    let mut told = Heartbeat::default();
    for named in holding {
        let session = named.session_id.as_uuid();
        if held.exists(params![session, text, owner.as_uuid(), named.epoch])? {
            let turns = cancelled(connection, kind, named.session_id)?.into_iter();
            told.cancelled.extend(turns.map(|turn_id| CancelledTurn { holding: *named, turn_id }));
        } else {
            told.lost.push(*named);
        }
    }
    Ok(told)
}

/// Of the turn of the session that is to run, or the turns with open calls, those that were cancelled.
fn cancelled(
    connection: &Connection,
    kind: WorkKind,
    session: SessionId,
) -> Result<Vec<TurnId>, SqlError> {
    let sql = match kind {
        WorkKind::Turns => {
            "SELECT turn_id, cancel_requested FROM turns
              WHERE session_id = ?1 AND state <> 'done' ORDER BY number LIMIT 1"
        }
        WorkKind::Calls => {
            "SELECT DISTINCT t.turn_id, t.cancel_requested FROM tool_calls c
               JOIN turns t ON t.turn_id = c.turn_id
              WHERE c.session_id = ?1 AND c.outcome IS NULL ORDER BY t.turn_id"
        }
    };
    let mut select = connection.prepare_cached(sql)?;
    let turn = |row: &Row<'_>| {
        let is_cancelled: bool = row.get(1)?;
        Ok(is_cancelled.then_some(TurnId::from_uuid(row.get(0)?)))
    };
    let turns = select.query_map([session.as_uuid()], turn)?;
    Ok(turns.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

/// Gives a claim up, if it is still held.
pub(super) fn release(
    connection: &Connection,
    claim: &Claim,
    how: Release,
    ready_at: Timestamp,
) -> Result<(), SqlError> {
    let key = params![
        claim.session_id.as_uuid(),
        claim.kind.as_str(),
        claim.tenant.as_str(),
        claim.owner.as_uuid(),
        claim.epoch,
    ];
    let found = connection
        .prepare_cached(
            "SELECT id, max_suspects, tries, deaths FROM work_claims
              WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3 AND owner = ?4 AND epoch = ?5",
        )?
        .query_row(key, |row| Ok((row.get::<_, i64>(0)?, owners::suspicion(row, 1)?)))
        .optional()?;
    let Some((id, held_against)) = found else { return Ok(()) };
    let left = match how {
        Release::Orderly => Suspicion::default(),
        Release::Failed => held_against.failed(),
    };
    connection
        .prepare_cached(
            "UPDATE work_claims
                SET owner = NULL, ready_at = ?2, max_suspects = ?3, tries = ?4, deaths = ?5
              WHERE id = ?1",
        )?
        .execute(params![id, ready_at.as_micros(), left.max_suspects, left.tries, left.deaths])?;
    Ok(())
}

/// How many sessions have work that no living owner has claimed.
pub(super) fn depth(
    connection: &Connection,
    kind: WorkKind,
    now: Timestamp,
) -> Result<usize, SqlError> {
    let count = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM work_claims
                      WHERE kind = ?1 AND oldest IS NOT NULL AND owner IS NULL)
                  + (SELECT count(*) FROM work_claims
                      WHERE kind = ?1 AND oldest IS NOT NULL AND owner IS NOT NULL
                        AND owner NOT IN
                            (SELECT owner FROM work_owners WHERE kind = ?1 AND until > ?2))",
        )?
        .query_row(params![kind.as_str(), now.as_micros()], |row| row.get(0))?;
    Ok(count)
}
