//! Who works, until when they count as alive, and what becomes of the work of the dead.

use rusqlite::{Connection, Row, params};
use soma_core::ids::{OwnerId, SessionId};
use soma_core::ports::work::{ClaimRequest, Holding};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;
use soma_core::work::suspicion::{Blame, SuspectLimit, Suspicion};

use crate::database::SqlError;

/// Reads what is held against a piece of work, from this column on.
pub(super) fn suspicion(row: &Row<'_>, first: usize) -> rusqlite::Result<Suspicion> {
    Ok(Suspicion {
        max_suspects: row.get(first)?,
        tries: row.get(first + 1)?,
        deaths: row.get(first + 2)?,
    })
}

/// Frees what the owner does not know that it holds. Returns which suspects it may take up.
pub(super) fn suspect_limit(
    connection: &Connection,
    request: &ClaimRequest,
    now: Timestamp,
) -> Result<SuspectLimit, SqlError> {
    let kind = request.kind.as_str();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let mut held = connection.prepare_cached(
        "SELECT id, session_id, epoch, max_suspects, tries, deaths FROM work_claims
          WHERE kind = ?1 AND owner = ?2 AND owner IS NOT NULL",
    )?;
    let mut rows = held.query(params![kind, request.owner.as_uuid()])?;
    while let Some(row) = rows.next()? {
        let holding = Holding { session_id: SessionId::from_uuid(row.get(1)?), epoch: row.get(2)? };
        if request.holding.contains(&holding) {
            known.push(suspicion(row, 3)?);
        } else {
            unknown.push(row.get::<_, i64>(0)?);
        }
    }
    for id in &unknown {
        connection
            .prepare_cached("UPDATE work_claims SET owner = NULL WHERE id = ?1")?
            .execute([id])?;
    }
    let isolated = connection
        .prepare_cached(
            "SELECT 1 FROM work_claims
              WHERE kind = ?1 AND max_suspects = 1 AND max_suspects < 4294967295 AND owner IS NOT NULL",
        )?
        .exists([kind])?;
    let mut suspect_limit = blame(connection, request.kind)?.suspect_limit(isolated, now);
    for work in known {
        suspect_limit.add(work);
    }
    Ok(suspect_limit)
}

/// The owner is alive: for `ttl` if it was given something, and else for at least two thirds of it.
pub(super) fn keep_alive(
    connection: &Connection,
    request: &ClaimRequest,
    now: Timestamp,
    given: bool,
) -> Result<(), SqlError> {
    let until = (now + request.ttl).as_micros();
    let short = if given { until } else { (now + request.ttl * 2 / 3).as_micros() };
    connection
        .prepare_cached(
            "INSERT INTO work_owners (kind, owner, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (kind, owner) DO UPDATE SET until = excluded.until WHERE until < ?4",
        )?
        .execute(params![request.kind.as_str(), request.owner.as_uuid(), until, short])?;
    Ok(())
}

/// Frees and judges what the dead held.
pub(super) fn judge_dead(
    connection: &Connection,
    kind: WorkKind,
    now: Timestamp,
) -> Result<(), SqlError> {
    let found: Vec<OwnerId> = connection
        .prepare_cached(
            "SELECT owner FROM work_owners WHERE kind = ?1 AND until <= ?2 ORDER BY until, owner",
        )?
        .query_map(params![kind.as_str(), now.as_micros()], |row| {
            Ok(OwnerId::from_uuid(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    for owner in found {
        judge(connection, (kind, owner), now)?;
    }
    Ok(())
}

fn blame(connection: &Connection, kind: WorkKind) -> Result<Blame, SqlError> {
    let blame = connection
        .prepare_cached("SELECT deaths, resumes_at FROM work_blame WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| {
            Ok(Blame { deaths: row.get(0)?, resumes_at: Timestamp::from_micros(row.get(1)?) })
        })?;
    Ok(blame)
}

fn judge(
    connection: &Connection,
    (kind, owner): (WorkKind, OwnerId),
    now: Timestamp,
) -> Result<(), SqlError> {
    let text = kind.as_str();
    let rows: Vec<(i64, Suspicion)> = connection
        .prepare_cached(
            "SELECT id, max_suspects, tries, deaths FROM work_claims
              WHERE kind = ?1 AND owner = ?2 AND owner IS NOT NULL",
        )?
        .query_map(params![text, owner.as_uuid()], |row| Ok((row.get(0)?, suspicion(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    let (ids, mut held): (Vec<i64>, Vec<Suspicion>) = rows.into_iter().unzip();
    let mut blame = blame(connection, kind)?;
    blame.judge(&mut held, now);
    connection
        .prepare_cached("UPDATE work_blame SET deaths = ?2, resumes_at = ?3 WHERE kind = ?1")?
        .execute(params![text, blame.deaths, blame.resumes_at.as_micros()])?;
    for (id, work) in ids.iter().zip(held) {
        connection
            .prepare_cached(
                "UPDATE work_claims SET owner = NULL, max_suspects = ?2, tries = ?3, deaths = ?4
                  WHERE id = ?1",
            )?
            .execute(params![id, work.max_suspects, work.tries, work.deaths])?;
    }
    forget(connection, kind, owner)
}

fn forget(connection: &Connection, kind: WorkKind, owner: OwnerId) -> Result<(), SqlError> {
    connection
        .prepare_cached("DELETE FROM work_owners WHERE kind = ?1 AND owner = ?2")?
        .execute(params![kind.as_str(), owner.as_uuid()])?;
    Ok(())
}

/// An owner stops: whatever it holds still is free.
pub(super) fn leave(
    connection: &Connection,
    kind: WorkKind,
    owner: OwnerId,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "UPDATE work_claims SET owner = NULL
              WHERE kind = ?1 AND owner = ?2 AND owner IS NOT NULL",
        )?
        .execute(params![kind.as_str(), owner.as_uuid()])?;
    forget(connection, kind, owner)
}
