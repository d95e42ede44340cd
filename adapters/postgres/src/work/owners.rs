//! Who works, until when they count as alive, and what becomes of the work of the dead.

use std::collections::BTreeSet;

use soma_core::ids::OwnerId;
use soma_core::ports::work::{ClaimRequest, Holding};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;
use soma_core::work::suspicion::{Blame, SuspectLimit, Suspicion};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{At, count, micros, number, small, timestamp};
use crate::database::{Database, Query, Scope, SqlError, Unit};
use crate::store;

/// The owner ($2) is alive for so long ($3), unless it is for at least another span ($4) anyway.
pub(super) const KEEP_ALIVE: &str = "
    INSERT INTO work_owners AS w (kind, owner, until)
    VALUES ($1, $2, soma_now() + $3::int8 * interval '1 microsecond')
    ON CONFLICT (kind, owner) DO UPDATE SET until = excluded.until
     WHERE w.until < soma_now() + $4::int8 * interval '1 microsecond'";

const BLAME: &str =
    "SELECT deaths, resumes_at, soma_now() FROM work_blame WHERE kind = $1 FOR UPDATE";
const DEAD: &str = "
    SELECT owner FROM work_owners WHERE kind = $1 AND until <= soma_now() ORDER BY until, owner";
const HELD: &str = "
    SELECT session_id, epoch, max_suspects, tries, deaths
      FROM work_claims WHERE kind = $1 AND owner = $2 ORDER BY session_id";
const ISOLATED: &str = "
    SELECT EXISTS (SELECT FROM work_claims
                    WHERE kind = $1 AND max_suspects = 1 AND max_suspects < 4294967295
                      AND owner IS NOT NULL)";
const FORGET: &str = "DELETE FROM work_owners WHERE kind = $1 AND owner = $2";

/// What is held against a piece of work, from this column on.
pub(super) fn suspicion(row: &Row, first: usize) -> Result<Suspicion, SqlError> {
    Ok(Suspicion {
        max_suspects: small(row, first)?,
        tries: small(row, first + 1)?,
        deaths: count(row, first + 2)?,
    })
}

/// Work that an owner holds.
struct Held {
    holding: Holding,
    suspicion: Suspicion,
}

fn held(rows: &[Row]) -> Result<Vec<Held>, SqlError> {
    let held = |row: &Row| {
        let session_id = soma_core::ids::SessionId::from_uuid(row.try_get(0)?);
        let holding = Holding { session_id, epoch: count(row, 1)? };
        Ok(Held { holding, suspicion: suspicion(row, 2)? })
    };
    rows.iter().map(held).collect()
}

/// Begins a claim: nobody else claims work of the kind until the unit ends. Whoever asks is alive, what
/// the dead held is free and judged, and so is what the owner does not know that it holds. Returns which
/// suspects it may take up.
pub(super) async fn enter(
    unit: &mut Unit,
    request: &ClaimRequest,
) -> Result<SuspectLimit, SqlError> {
    let (kind, owner) = (request.kind.as_str(), request.owner.as_uuid());
    let (ttl, short) = (micros(request.ttl), micros(request.ttl * 2 / 3));
    let [blame, _, dead, held_rows, isolated] = unit
        .run([
            Query::new(BLAME, vec![&kind]),
            Query::new(KEEP_ALIVE, vec![&kind, owner, &ttl, &short]),
            Query::new(DEAD, vec![&kind]),
            Query::new(HELD, vec![&kind, owner]),
            Query::new(ISOLATED, vec![&kind]),
        ])
        .await?;
    let Some(blamed) = blame.first() else { return Err(SqlError::Row("no blame".into())) };
    let now = timestamp(blamed, 2)?;
    let mut blame = Blame { deaths: count(blamed, 0)?, resumes_at: timestamp(blamed, 1)? };
    let mut isolated = isolated.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false);
    for row in &dead {
        let dead = OwnerId::from_uuid(row.try_get(0)?);
        judge(unit, (request.kind, dead), &mut blame, now).await?;
    }
    let mut mine = held(&held_rows)?;
    let is_known = |held: &Held| request.holding.contains(&held.holding);
    if !mine.iter().all(is_known) {
        let unknown = mine.iter().filter(|held| !is_known(held));
        free_unknown(unit, request, unknown.map(|held| held.holding).collect()).await?;
        mine.retain(is_known);
    }
    if !dead.is_empty() || mine.len() < held_rows.len() {
        let [rows] = unit.run([Query::new(ISOLATED, vec![&kind])]).await?;
        isolated = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false);
    }
    let mut limit = blame.suspect_limit(isolated, now);
    for held in &mine {
        limit.add(held.suspicion);
    }
    Ok(limit)
}

/// Frees what the owner does not know that it holds.
async fn free_unknown(
    unit: &mut Unit,
    request: &ClaimRequest,
    unknown: Vec<Holding>,
) -> Result<(), SqlError> {
    let free = "
        UPDATE work_claims w SET owner = NULL
          FROM unnest($3::uuid[], $4::int8[]) AS u (session_id, epoch)
         WHERE w.session_id = u.session_id AND w.kind = $1 AND w.owner = $2 AND w.epoch = u.epoch";
    let (kind, owner) = (request.kind.as_str(), request.owner.as_uuid());
    let sessions: Vec<Uuid> = unknown.iter().map(|held| *held.session_id.as_uuid()).collect();
    let epochs: Vec<i64> = unknown.iter().map(|held| number(held.epoch)).collect();
    unit.run([
        Query::new(store::sessions::LOCK, vec![&sessions]),
        Query::new(free, vec![&kind, owner, &sessions, &epochs]),
    ])
    .await?;
    Ok(())
}

/// Frees and judges what a dead owner held.
async fn judge(
    unit: &mut Unit,
    (kind, owner): (WorkKind, OwnerId),
    blame: &mut Blame,
    now: Timestamp,
) -> Result<(), SqlError> {
    let lock = "
        SELECT FROM sessions WHERE session_id = ANY(ARRAY(
               SELECT session_id FROM work_claims WHERE kind = $1 AND owner = $2))
         ORDER BY session_id FOR NO KEY UPDATE";
    let (text, id) = (kind.as_str(), owner.as_uuid());
    let [_, rows] =
        unit.run([Query::new(lock, vec![&text, id]), Query::new(HELD, vec![&text, id])]).await?;
    let held = held(&rows)?;
    let mut judged: Vec<Suspicion> = held.iter().map(|held| held.suspicion).collect();
    blame.judge(&mut judged, now);
    let sessions: Vec<Uuid> = held.iter().map(|held| *held.holding.session_id.as_uuid()).collect();
    let most: Vec<i64> = judged.iter().map(|work| work.max_suspects.into()).collect();
    let tries: Vec<i64> = judged.iter().map(|work| work.tries.into()).collect();
    let deaths: Vec<i64> = judged.iter().map(|work| number(work.deaths)).collect();
    let free = "
        UPDATE work_claims w
           SET owner = NULL, max_suspects = u.max_suspects, tries = u.tries::int4, deaths = u.deaths
          FROM unnest($2::uuid[], $3::int8[], $4::int8[], $5::int8[])
               AS u (session_id, max_suspects, tries, deaths)
         WHERE w.session_id = u.session_id AND w.kind = $1";
    let blamed = "UPDATE work_blame SET deaths = $2, resumes_at = $3 WHERE kind = $1";
    let (counted, resumes_at) = (number(blame.deaths), At(blame.resumes_at));
    unit.run([
        Query::new(free, vec![&text, &sessions, &most, &tries, &deaths]),
        Query::new(blamed, vec![&text, &counted, &resumes_at]),
        Query::new(FORGET, vec![&text, id]),
    ])
    .await?;
    Ok(())
}

/// An owner stops: whatever it holds still is free.
pub(super) async fn leave(
    database: &Database,
    kind: WorkKind,
    owner: OwnerId,
) -> Result<(), SqlError> {
    let lock = "
        SELECT FROM sessions WHERE session_id = ANY(ARRAY(
               SELECT session_id FROM work_claims WHERE kind = $1 AND owner = $2))
         ORDER BY session_id FOR NO KEY UPDATE";
    let free = "UPDATE work_claims SET owner = NULL WHERE kind = $1 AND owner = $2";
    let (text, id) = (kind.as_str(), owner.as_uuid());
    let unit = database.unit(Scope::platform()).await?;
    unit.commit([
        Query::new(BLAME, vec![&text]),
        Query::new(lock, vec![&text, id]),
        Query::new(free, vec![&text, id]),
        Query::new(FORGET, vec![&text, id]),
    ])
    .await?;
    Ok(())
}

/// What is held, each once, for those who ask.
pub(super) fn named(holding: &[Holding]) -> (Vec<Uuid>, Vec<i64>) {
    let holding: BTreeSet<&Holding> = holding.iter().collect();
    holding.iter().map(|held| (*held.session_id.as_uuid(), number(held.epoch))).unzip()
}
