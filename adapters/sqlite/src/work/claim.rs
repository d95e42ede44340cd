//! Claims of sessions: who gets what, and for how long.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ids::{OwnerId, SessionId, TenantId, TurnId};
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;

use crate::columns::kind_text;
use crate::database::SqlError;

/// Who wants what.
pub(super) struct Wanted {
    pub(super) kind: WorkKind,
    pub(super) owner: OwnerId,
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
    pub(super) tenant_cap: usize,
}

/// A session that may be claimed. In the order of claims: the least served tenant, then the oldest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    held: usize,
    oldest: i64,
    id: i64,
    tenant: String,
    session: uuid::Uuid,
    epoch: u64,
}

/// Claims the next session with work, and counts the try.
pub(super) fn claim(connection: &Connection, wanted: &Wanted) -> Result<Option<Claim>, SqlError> {
    let Some(next) = next(connection, wanted)? else { return Ok(None) };
    let epoch = next.epoch + 1;
    connection
        .prepare_cached("UPDATE work_claims SET owner = ?2, epoch = ?3, until = ?4 WHERE id = ?1")?
        .execute(params![next.id, wanted.owner.as_uuid(), epoch, wanted.until.as_micros()])?;
    let (turn_id, tries) = match wanted.kind {
        WorkKind::Calls => (None, 1),
        WorkKind::Turns => {
            let (turn, tries) = count_try(connection, next.oldest)?;
            (Some(turn), tries)
        }
    };
    Ok(Some(Claim {
        tenant: TenantId::new(next.tenant)?,
        session_id: SessionId::from_uuid(next.session),
        kind: wanted.kind,
        owner: wanted.owner,
        epoch,
        turn_id,
        tries,
    }))
}

fn next(connection: &Connection, wanted: &Wanted) -> Result<Option<Candidate>, SqlError> {
    let held = held(connection, wanted)?;
    let kind = kind_text(wanted.kind);
    // A seek per tenant, however many sessions of each are waiting.
    let mut following = connection.prepare_cached(
        "SELECT min(tenant) FROM work_claims
          WHERE kind = ?1 AND tenant > ?2 AND oldest IS NOT NULL",
    )?;
    let mut oldest = connection.prepare_cached(
        "SELECT oldest, id, tenant, session_id, epoch FROM work_claims
          WHERE kind = ?1 AND tenant = ?2 AND oldest IS NOT NULL AND until <= ?3 AND ready_at <= ?3
          ORDER BY oldest LIMIT 1",
    )?;
    let mut best: Option<Candidate> = None;
    let mut last = String::new();
    while let Some(tenant) =
        following.query_row(params![kind, last], |row| row.get::<_, Option<String>>(0))?
    {
        let held = held.get(&tenant).copied().unwrap_or(0);
        if held < wanted.tenant_cap {
            let found = oldest
                .query_row(params![kind, tenant, wanted.now.as_micros()], |row| {
                    candidate(row, held)
                })
                .optional()?;
            best = match (best, found) {
                (Some(best), Some(found)) => Some(best.min(found)),
                (best, found) => best.or(found),
            };
        }
        last = tenant;
    }
    Ok(best)
}

fn candidate(row: &Row<'_>, held: usize) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        held,
        oldest: row.get(0)?,
        id: row.get(1)?,
        tenant: row.get(2)?,
        session: row.get(3)?,
        epoch: row.get(4)?,
    })
}

/// How many claims of the kind each tenant holds.
fn held(connection: &Connection, wanted: &Wanted) -> Result<BTreeMap<String, usize>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, count(*) FROM work_claims
              WHERE kind = ?1 AND until > ?2 AND owner IS NOT NULL GROUP BY tenant",
        )?
        .query_and_then(params![kind_text(wanted.kind), wanted.now.as_micros()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

fn count_try(connection: &Connection, turn: i64) -> Result<(TurnId, u32), SqlError> {
    let counted = connection
        .prepare_cached(
            "UPDATE turns SET tries = tries + 1 WHERE id = ?1 RETURNING turn_id, tries",
        )?
        .query_row([turn], |row| Ok((TurnId::from_uuid(row.get(0)?), row.get(1)?)))?;
    Ok(counted)
}

/// Keeps a claim.
pub(super) fn heartbeat(
    connection: &Connection,
    claim: &Claim,
    until: Timestamp,
) -> Result<Heartbeat, SqlError> {
    let kept = connection
        .prepare_cached(
            "UPDATE work_claims SET until = ?6
              WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3 AND owner = ?4 AND epoch = ?5",
        )?
        .execute(params![
            claim.session_id.as_uuid(),
            kind_text(claim.kind),
            claim.tenant.as_str(),
            claim.owner.as_uuid(),
            claim.epoch,
            until.as_micros(),
        ])?;
    if kept == 0 {
        return Ok(Heartbeat::Lost);
    }
    let Some(turn) = claim.turn_id else { return Ok(Heartbeat::Held) };
    let cancelled = connection
        .prepare_cached(
            "SELECT 1 FROM turns WHERE turn_id = ?1 AND tenant = ?2 AND cancel_requested = 1",
        )?
        .exists(params![turn.as_uuid(), claim.tenant.as_str()])?;
    Ok(if cancelled { Heartbeat::CancelRequested } else { Heartbeat::Held })
}

/// Gives a claim up, if it is still held.
pub(super) fn release(
    connection: &Connection,
    claim: &Claim,
    how: Release,
    ready_at: Timestamp,
) -> Result<(), SqlError> {
    let freed = connection
        .prepare_cached(
            "UPDATE work_claims SET owner = NULL, until = 0, ready_at = ?6
              WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3 AND owner = ?4 AND epoch = ?5",
        )?
        .execute(params![
            claim.session_id.as_uuid(),
            kind_text(claim.kind),
            claim.tenant.as_str(),
            claim.owner.as_uuid(),
            claim.epoch,
            ready_at.as_micros(),
        ])?;
    if freed > 0
        && how == Release::Orderly
        && let Some(turn) = claim.turn_id
    {
        connection
            .prepare_cached("UPDATE turns SET tries = 0 WHERE turn_id = ?1 AND tenant = ?2")?
            .execute(params![turn.as_uuid(), claim.tenant.as_str()])?;
    }
    Ok(())
}

/// How many sessions have work that nobody has claimed.
pub(super) fn depth(
    connection: &Connection,
    kind: WorkKind,
    now: Timestamp,
) -> Result<usize, SqlError> {
    let count = connection
        .prepare_cached(
            "SELECT count(*) FROM work_claims
              WHERE kind = ?1 AND oldest IS NOT NULL AND until <= ?2",
        )?
        .query_row(params![kind_text(kind), now.as_micros()], |row| row.get(0))?;
    Ok(count)
}
