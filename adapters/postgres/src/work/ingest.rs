//! Records that arrive and make work ready, together with their position.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::ids::{SessionId, TenantId};
use soma_core::observe::{self, SetAside};
use soma_core::outbox::wire::Subject;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{Arrival, BatchOutcome, WorkBatch};
use tokio_postgres::Row;
use uuid::Uuid;

use super::ready::Sessions;
use crate::columns::{platform, tenant};
use crate::database::{Database, Query, Scope, SqlError, Unit};
use crate::leases;
use crate::outbox::dead::NewLetters;
use crate::store;

const CALLS: &str =
    "SELECT call_id, tenant, session_id, state FROM tool_calls WHERE call_id = ANY($1)";
const TURNS: &str = "SELECT turn_id, tenant, session_id, state FROM turns WHERE turn_id = ANY($1)";

/// Moves the position, and applies what arrived.
pub(super) async fn apply(
    database: &Database,
    batch: &WorkBatch,
) -> Result<BatchOutcome, SqlError> {
    let mut unit = database.unit(Scope::platform()).await?;
    let outcome = leases::advance(&mut unit, batch).await?;
    if outcome != BatchOutcome::Applied {
        unit.roll_back().await;
        return Ok(outcome);
    }
    let mut known = Known::of(&mut unit, &batch.items).await?;
    let mut moves = Moves::default();
    let (mut letters, platform) = (NewLetters::default(), platform()?);
    for arrival in &batch.items {
        if !known.arrive(arrival, &mut moves) && !known.is_erased(arrival) {
            letters.keep(&arrival.otherwise, &platform);
            observe::dead_letter(&arrival.otherwise, SetAside::UnknownSubject);
        }
    }
    batch.dead.iter().for_each(|letter| letters.keep(letter, &platform));
    let queries: Vec<_> = moves.write().chain(letters.insert()).collect();
    unit.commit(queries).await?;
    Ok(outcome)
}

/// Where a turn or a call is.
struct Place {
    tenant: TenantId,
    session_id: SessionId,
    state: String,
}

/// What the store has of what arrives, with the rows of the sessions held.
struct Known {
    turns: BTreeMap<Uuid, Place>,
    calls: BTreeMap<Uuid, Place>,
    erased: BTreeSet<(SessionId, TenantId)>,
}

impl Known {
    async fn of(unit: &mut Unit, arrivals: &[Arrival]) -> Result<Self, SqlError> {
        let sessions: BTreeSet<SessionId> = arrivals.iter().map(|one| one.session_id).collect();
        let sessions: Vec<Uuid> = sessions.iter().map(|session| *session.as_uuid()).collect();
        let (mut turns, mut calls) = (Vec::new(), Vec::new());
        for arrival in arrivals {
            match arrival.subject {
                Subject::Turn(turn) => turns.push(*turn.as_uuid()),
                Subject::ToolRequest(call) | Subject::ToolResult(call) => {
                    calls.push(*call.as_uuid());
                }
            }
        }
        let [sessions, turns, calls] = unit
            .run([
                Query::new(store::sessions::LOCK, vec![&sessions]),
                Query::new(TURNS, vec![&turns]),
                Query::new(CALLS, vec![&calls]),
            ])
            .await?;
        let mut erased = BTreeSet::new();
        for row in &sessions {
            if row.try_get(9)? {
                erased.insert((SessionId::from_uuid(row.try_get(1)?), tenant(row, 0)?));
            }
        }
        Ok(Self { turns: places(&turns)?, calls: places(&calls)?, erased })
    }

    /// Moves the subject on, if it is where the arrival finds it for the first time. Returns whether
    /// it is known.
    fn arrive(&mut self, arrival: &Arrival, moves: &mut Moves) -> bool {
        let (places, id, from, to) = match arrival.subject {
            Subject::Turn(turn) => (&mut self.turns, *turn.as_uuid(), "accepted", "ready"),
            Subject::ToolRequest(call) => (&mut self.calls, *call.as_uuid(), "requested", "ready"),
            Subject::ToolResult(call) => (&mut self.calls, *call.as_uuid(), "done", "delivered"),
        };
        let Some(place) = places.get_mut(&id) else { return false };
        if place.session_id != arrival.session_id || place.tenant != arrival.tenant {
            return false;
        }
        if place.state == from {
            to.clone_into(&mut place.state);
            moves.push(arrival, id, to);
        }
        true
    }

    fn is_erased(&self, arrival: &Arrival) -> bool {
        self.erased.contains(&(arrival.session_id, arrival.tenant.clone()))
    }
}

fn places(rows: &[Row]) -> Result<BTreeMap<Uuid, Place>, SqlError> {
    let place = |row: &Row| {
        let session_id = SessionId::from_uuid(row.try_get(2)?);
        Ok((row.try_get(0)?, Place { tenant: tenant(row, 1)?, session_id, state: row.try_get(3)? }))
    };
    rows.iter().map(place).collect()
}

/// What moves on, column by column.
#[derive(Default)]
struct Moves {
    turns: Vec<Uuid>,
    calls: Vec<Uuid>,
    call_states: Vec<&'static str>,
    /// The sessions of which turns, and those of which calls, may be worked on.
    follow_turns: Follow,
    follow_calls: Follow,
}

/// Sessions, each once.
#[derive(Default)]
struct Follow {
    seen: BTreeSet<SessionId>,
    sessions: Sessions,
}

impl Follow {
    fn push(&mut self, arrival: &Arrival) {
        if self.seen.insert(arrival.session_id) {
            self.sessions.push(*arrival.session_id.as_uuid(), arrival.tenant.as_str());
        }
    }

    fn write(&self, kind: WorkKind) -> Option<Query<'_>> {
        (!self.sessions.is_empty()).then(|| self.sessions.follow(kind))
    }
}

impl Moves {
    fn push(&mut self, arrival: &Arrival, id: Uuid, to: &'static str) {
        match arrival.subject {
            Subject::Turn(_) => {
                self.turns.push(id);
                self.follow_turns.push(arrival);
            }
            Subject::ToolRequest(_) => {
                self.calls.push(id);
                self.call_states.push(to);
                self.follow_calls.push(arrival);
            }
            Subject::ToolResult(_) => {
                self.calls.push(id);
                self.call_states.push(to);
                self.follow_turns.push(arrival);
            }
        }
    }

    fn write(&self) -> impl Iterator<Item = Query<'_>> {
        let turns = "UPDATE turns SET state = 'ready' WHERE turn_id = ANY($1)";
        let turns = (!self.turns.is_empty()).then(|| Query::new(turns, vec![&self.turns]));
        let calls = "
            UPDATE tool_calls c SET state = u.state
              FROM unnest($1::uuid[], $2::text[]) AS u (call_id, state)
             WHERE c.call_id = u.call_id";
        let calls = (!self.calls.is_empty())
            .then(|| Query::new(calls, vec![&self.calls, &self.call_states]));
        let follow_turns = self.follow_turns.write(WorkKind::Turns);
        let follow_calls = self.follow_calls.write(WorkKind::Calls);
        [turns, calls, follow_turns, follow_calls].into_iter().flatten()
    }
}
