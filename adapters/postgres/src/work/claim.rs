//! Claims of sessions: who gets what, and how it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use soma_core::ids::{OwnerId, SessionId, TurnId};
use soma_core::ports::work::{
    CancelledTurn, Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release,
};
use soma_core::tool::CallRecord;
use soma_core::work::commit::WorkKind;
use soma_core::work::suspicion::Suspicion;
use tokio_postgres::Row;
use uuid::Uuid;

use super::owners;
use super::queue::{Asked, Candidate};
use crate::columns::{count, limit, micros, number};
use crate::database::{Database, Query, Scope, SqlError, Unit};
use crate::store::{calls, sessions, turns};

/// Gives sessions ($2) to an owner ($3). One that somebody changes at this moment is left to the next
/// who asks: nobody waits while others wait for the row of the kind.
const TAKE: &str = "
    WITH free AS MATERIALIZED (
        SELECT session_id FROM sessions
         WHERE session_id = ANY($2) ORDER BY session_id FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE work_claims w SET owner = $3, epoch = w.epoch + 1
      FROM free
     WHERE w.session_id = free.session_id AND w.kind = $1
       AND w.owner IS NULL AND w.oldest IS NOT NULL AND w.ready_at <= soma_now()
    RETURNING w.session_id, w.tenant, w.epoch, w.turn_id";

/// Claims the next sessions with work.
pub(super) async fn claim(
    database: &Database,
    request: &ClaimRequest,
) -> Result<Claimed, SqlError> {
    let mut unit = database.unit(Scope::platform()).await?;
    let mut suspects = owners::enter(&mut unit, request).await?;
    let mut asked = Asked::new(request, &suspects);
    let mut claims = Vec::new();
    loop {
        let (next, was_cut) = asked.next(&mut unit, &mut suspects).await?;
        if !next.is_empty() {
            claims.extend(take(&mut unit, request, &next).await?);
        }
        asked.most = limit(request.most).saturating_sub(limit(claims.len()));
        if !was_cut || asked.most == 0 {
            break;
        }
    }
    let (kind, owner, ttl) = (request.kind.as_str(), request.owner.as_uuid(), micros(request.ttl));
    let waits = if claims.is_empty() {
        let [waits] = unit.commit([asked.must_wait()]).await?;
        waits
    } else {
        let alive = Query::new(owners::KEEP_ALIVE, vec![&kind, owner, &ttl, &ttl]);
        let [_, waits] = unit.commit([alive, asked.must_wait()]).await?;
        waits
    };
    let more = waits.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false);
    Ok(Claimed { claims, more })
}

/// Gives sessions to their new owner, with all that it needs to begin.
async fn take(
    unit: &mut Unit,
    request: &ClaimRequest,
    next: &[Candidate],
) -> Result<Vec<Claim>, SqlError> {
    let (kind, owner) = (request.kind.as_str(), request.owner.as_uuid());
    let ids: Vec<Uuid> = next.iter().map(|next| *next.session_id.as_uuid()).collect();
    let take = Query::new(TAKE, vec![&kind, &ids, owner]);
    let find = Query::new(sessions::FIND, vec![&ids]);
    let mut given = match request.kind {
        WorkKind::Turns => {
            let turns: Vec<Uuid> = next.iter().filter_map(|next| next.turn_id).collect();
            let [heads, inputs, calls] = turns::RECORDS.map(|sql| Query::new(sql, vec![&turns]));
            let [taken, found, heads, inputs, calls] =
                unit.run([take, find, heads, inputs, calls]).await?;
            let mut given = Given::of(&taken, &found)?;
            given.turns = turns::records([&heads, &inputs, &calls]).unwrap_or_default();
            given
        }
        WorkKind::Calls => {
            let open = Query::new(calls::OPEN_OF_SESSIONS, vec![&ids]);
            let [taken, found, open] = unit.run([take, find, open]).await?;
            let mut given = Given::of(&taken, &found)?;
            for row in &open {
                let call = calls::read(row)?;
                given.calls.entry(call.session_id).or_default().push(call);
            }
            given
        }
    };
    Ok(next.iter().filter_map(|next| given.claim(request, next)).collect())
}

/// What was taken, and what its owner needs to begin.
struct Given {
    taken: BTreeMap<SessionId, (u64, Option<TurnId>)>,
    sessions: BTreeMap<SessionId, soma_core::work::session::Session>,
    turns: BTreeMap<TurnId, soma_core::work::session::TurnRecord>,
    calls: BTreeMap<SessionId, Vec<CallRecord>>,
}

impl Given {
    fn of(taken: &[Row], found: &[Row]) -> Result<Self, SqlError> {
        let take = |row: &Row| {
            let turn: Option<Uuid> = row.try_get(3)?;
            let session = SessionId::from_uuid(row.try_get(0)?);
            Ok((session, (count(row, 2)?, turn.map(TurnId::from_uuid))))
        };
        let session = |row: &Row| sessions::read(row).map(|session| (session.session_id, session));
        Ok(Self {
            taken: taken.iter().map(take).collect::<Result<_, SqlError>>()?,
            sessions: found.iter().map(session).collect::<Result<_, _>>()?,
            turns: BTreeMap::new(),
            calls: BTreeMap::new(),
        })
    }

    fn claim(&mut self, request: &ClaimRequest, next: &Candidate) -> Option<Claim> {
        let session_id = next.session_id;
        let (epoch, turn_id) = self.taken.remove(&session_id)?;
        let session = self.sessions.remove(&session_id)?;
        Some(Claim {
            tenant: session.tenant.clone(),
            session_id,
            kind: request.kind,
            owner: request.owner,
            epoch,
            turn_id: turn_id.filter(|_| request.kind == WorkKind::Turns),
            tries: next.tries(),
            session,
            // A record that cannot be read is told to whoever asks for it, not to those who claim
            // beside it.
            turn: turn_id.and_then(|turn| self.turns.remove(&turn)),
            calls: self.calls.remove(&session_id).unwrap_or_default(),
        })
    }
}

/// Keeps an owner alive that nobody found dead, and tells how its claims stand.
pub(super) async fn heartbeat(
    database: &Database,
    (kind, owner): (WorkKind, OwnerId),
    holding: &[Holding],
    ttl: Duration,
) -> Result<Heartbeat, SqlError> {
    let alive = "
        UPDATE work_owners SET until = soma_now() + $3::int8 * interval '1 microsecond'
         WHERE kind = $1 AND owner = $2";
    let stand = match kind {
        WorkKind::Turns => TURNS_STAND,
        WorkKind::Calls => CALLS_STAND,
    };
    let (text, id, ttl) = (kind.as_str(), owner.as_uuid(), micros(ttl));
    let (sessions, epochs) = owners::named(holding);
    let unit = database.unit(Scope::platform()).await?;
    let [_, rows] = unit
        .commit([
            Query::new(alive, vec![&text, id, &ttl]),
            Query::new(stand, vec![&text, id, &sessions, &epochs]),
        ])
        .await?;
    let mut standing = BTreeMap::new();
    for row in &rows {
        let session_id = SessionId::from_uuid(row.try_get(0)?);
        let holding = Holding { session_id, epoch: count(row, 1)? };
        standing.insert(holding, row.try_get::<_, Vec<Uuid>>(2)?);
    }
    let mut told = Heartbeat::default();
    for named in holding {
        let Some(turns) = standing.get(named) else {
            told.lost.push(*named);
            continue;
        };
        let cancelled = turns.iter().copied().map(TurnId::from_uuid);
        let cancelled = cancelled.map(|turn_id| CancelledTurn { holding: *named, turn_id });
        told.cancelled.extend(cancelled);
    }
    Ok(told)
}

/// The claims of a kind ($1) that an owner ($2) holds of those it names ($3, $4), each with the turn that
/// is to run if it was cancelled.
const TURNS_STAND: &str = "
    SELECT w.session_id, w.epoch, ARRAY(
           SELECT head.turn_id FROM (
                  SELECT t.turn_id, t.cancel_requested FROM turns t
                   WHERE t.tenant = w.tenant AND t.session_id = w.session_id AND t.state <> 'done'
                   ORDER BY t.number LIMIT 1) AS head
            WHERE head.cancel_requested)
      FROM unnest($3::uuid[], $4::int8[]) AS u (session_id, epoch)
      JOIN work_claims w ON w.session_id = u.session_id AND w.kind = $1 AND w.owner = $2
                        AND w.epoch = u.epoch";

/// The same, with the turns that were cancelled of those with open calls.
const CALLS_STAND: &str = "
    SELECT w.session_id, w.epoch, ARRAY(
           SELECT DISTINCT t.turn_id FROM tool_calls c JOIN turns t ON t.turn_id = c.turn_id
            WHERE c.tenant = w.tenant AND c.session_id = w.session_id AND c.outcome IS NULL
              AND t.cancel_requested
            ORDER BY t.turn_id)
      FROM unnest($3::uuid[], $4::int8[]) AS u (session_id, epoch)
      JOIN work_claims w ON w.session_id = u.session_id AND w.kind = $1 AND w.owner = $2
                        AND w.epoch = u.epoch";

/// Gives a claim up, if it is still held.
pub(super) async fn release(
    database: &Database,
    claim: &Claim,
    how: Release,
    delay: Duration,
) -> Result<(), SqlError> {
    let find = "
        SELECT max_suspects, tries, deaths FROM work_claims
         WHERE session_id = $1 AND kind = $2 AND owner = $3 AND epoch = $4";
    let free = "
        UPDATE work_claims
           SET owner = NULL, ready_at = soma_now() + $3::int8 * interval '1 microsecond',
               max_suspects = $4, tries = $5::int8::int4, deaths = $6
         WHERE session_id = $1 AND kind = $2";
    let (session, kind) = (claim.session_id.as_uuid(), claim.kind.as_str());
    let (owner, epoch) = (claim.owner.as_uuid(), number(claim.epoch));
    let ids = [*session];
    let ids = &ids[..];
    let mut unit = database.unit(Scope::tenant(&claim.tenant)).await?;
    let [_, found] = unit
        .run([
            Query::new(sessions::LOCK, vec![&ids]),
            Query::new(find, vec![session, &kind, owner, &epoch]),
        ])
        .await?;
    let Some(row) = found.first() else {
        unit.roll_back().await;
        return Ok(());
    };
    let left = match how {
        Release::Orderly => Suspicion::default(),
        Release::Failed => owners::suspicion(row, 0)?.failed(),
    };
    let (delay, most) = (micros(delay), i64::from(left.max_suspects));
    let (tries, deaths) = (i64::from(left.tries), number(left.deaths));
    let free = Query::new(free, vec![session, &kind, &delay, &most, &tries, &deaths]);
    unit.commit([free]).await?;
    Ok(())
}
