//! Turns and their records.

use std::collections::BTreeMap;

use soma_core::ids::{SessionId, TenantId, TurnId};
use soma_core::turn::input::RecordedInput;
use soma_core::unreadable::Unreadable;
use soma_core::work::commit::{Cancel, Commit};
use soma_core::work::session::{TurnRecord, TurnState};
use tokio_postgres::Row;
use uuid::Uuid;

use super::calls;
use crate::columns::{At, count, json, number, raw, read_json, small, tenant};
use crate::database::{Query, SqlError};

/// Where a turn is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) session_id: SessionId,
    pub(super) state: TurnState,
    pub(super) steps: u32,
}

/// Turns ($1): [`place`] reads them.
pub(super) const PLACES: &str =
    "SELECT turn_id, tenant, session_id, state, steps FROM turns WHERE turn_id = ANY($1)";

/// Reads where a turn is.
pub(super) fn place(row: &Row) -> Result<(TurnId, Place), SqlError> {
    let place = Place {
        tenant: tenant(row, 1)?,
        session_id: SessionId::from_uuid(row.try_get(2)?),
        state: row.try_get::<_, &str>(3)?.parse()?,
        steps: small(row, 4)?,
    };
    Ok((TurnId::from_uuid(row.try_get(0)?), place))
}

/// The heads of turns ($1), their inputs, and their calls: [`records`] reads them.
pub(crate) const RECORDS: [&str; 3] = [
    "SELECT tenant, session_id, number, state, cancel_requested, steps, turn_id
       FROM turns WHERE turn_id = ANY($1)",
    "SELECT turn_id, input FROM turn_inputs WHERE turn_id = ANY($1) ORDER BY turn_id, step",
    calls::OF_TURNS,
];

/// Turns with their inputs and calls. A turn that makes no sense is left out, if another is read with
/// it: it stops no other.
pub(crate) fn records(
    [heads, inputs, calls]: [&[Row]; 3],
) -> Result<BTreeMap<TurnId, TurnRecord>, SqlError> {
    let mut records = BTreeMap::new();
    for row in heads {
        match head(row) {
            Ok(record) => drop(records.insert(record.turn_id, record)),
            Err(error) if heads.len() == 1 => return Err(error),
            Err(_) => {}
        }
    }
    let mut lines = BTreeMap::<TurnId, Vec<&[u8]>>::new();
    for row in inputs {
        lines.entry(TurnId::from_uuid(row.try_get(0)?)).or_default().push(row.try_get(1)?);
    }
    for (turn, lines) in lines {
        if let Some(record) = records.get_mut(&turn) {
            read_inputs(record, &lines);
        }
    }
    for row in calls {
        let call = calls::read(row)?;
        if let Some(record) = call.turn_id.and_then(|turn| records.get_mut(&turn)) {
            record.calls.push(call);
        }
    }
    Ok(records)
}

/// Reads the inputs up to the first that cannot be read, and then all of them as they are.
fn read_inputs(record: &mut TurnRecord, lines: &[&[u8]]) {
    for line in lines {
        match read_json(line) {
            Ok(input) => record.inputs.push(input),
            Err(Unreadable { error, .. }) => {
                let raw: Vec<String> = lines.iter().map(|line| raw(line)).collect();
                record.unreadable = Some(Unreadable { error, raw: raw.join("\n") });
                return;
            }
        }
    }
}

fn head(row: &Row) -> Result<TurnRecord, SqlError> {
    Ok(TurnRecord {
        tenant: tenant(row, 0)?,
        session_id: SessionId::from_uuid(row.try_get(1)?),
        turn_id: TurnId::from_uuid(row.try_get(6)?),
        number: count(row, 2)?,
        state: row.try_get::<_, &str>(3)?.parse()?,
        cancel_requested: row.try_get(4)?,
        steps: small(row, 5)?,
        inputs: Vec::new(),
        unreadable: None,
        calls: Vec::new(),
    })
}

/// Changes of turns, column by column.
#[derive(Debug, Default)]
pub(super) struct Columns {
    cancelled: Cancelled,
    accepted: Accepted,
    moved: Moved,
    inputs: Inputs,
}

#[derive(Debug, Default)]
struct Cancelled {
    sessions: Vec<Uuid>,
    tenants: Vec<String>,
    all: Vec<bool>,
}

#[derive(Debug, Default)]
struct Accepted {
    turns: Vec<Uuid>,
    tenants: Vec<String>,
    sessions: Vec<Uuid>,
    numbers: Vec<i64>,
    times: Vec<At>,
}

#[derive(Debug, Default)]
struct Moved {
    turns: Vec<Uuid>,
    states: Vec<&'static str>,
    steps: Vec<i32>,
}

#[derive(Debug, Default)]
struct Inputs {
    tenants: Vec<String>,
    turns: Vec<Uuid>,
    steps: Vec<i32>,
    payloads: Vec<Vec<u8>>,
}

impl Columns {
    /// The turns of a commit; an accepted one gets this number.
    pub(super) fn push(&mut self, commit: &Commit, accepted: u64) -> Result<(), SqlError> {
        let session = *commit.session_id.as_uuid();
        if let Some(cancel) = commit.cancel {
            self.cancelled.sessions.push(session);
            self.cancelled.tenants.push(commit.tenant.to_string());
            self.cancelled.all.push(cancel == Cancel::All);
        }
        if let Some(accept) = &commit.accept {
            self.accepted.turns.push(*accept.turn_id.as_uuid());
            self.accepted.tenants.push(commit.tenant.to_string());
            self.accepted.sessions.push(session);
            self.accepted.numbers.push(number(accepted));
            self.accepted.times.push(At(commit.at));
            self.input(&commit.tenant, accept.turn_id, 0, &accept.input)?;
        }
        if let Some(progress) = &commit.turn {
            let mut step = progress.from_step;
            for input in &progress.inputs {
                self.input(&commit.tenant, progress.turn_id, step, input)?;
                step += 1;
            }
            self.moved.turns.push(*progress.turn_id.as_uuid());
            self.moved.states.push(progress.state.as_str());
            self.moved.steps.push(step_column(step));
        }
        Ok(())
    }

    fn input(
        &mut self,
        tenant: &TenantId,
        turn: TurnId,
        step: u32,
        input: &RecordedInput,
    ) -> Result<(), SqlError> {
        self.inputs.tenants.push(tenant.to_string());
        self.inputs.turns.push(*turn.as_uuid());
        self.inputs.steps.push(step_column(step));
        self.inputs.payloads.push(json(input)?);
        Ok(())
    }

    /// What writes them. It cancels before it accepts: a message that interrupts is not cancelled by
    /// itself.
    pub(super) fn write(&self) -> impl Iterator<Item = Query<'_>> {
        [self.cancel(), self.accept(), self.progress(), self.record()].into_iter().flatten()
    }

    fn cancel(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE turns t SET cancel_requested = true
              FROM unnest($1::uuid[], $2::text[], $3::bool[]) AS u (session_id, tenant, everything)
             WHERE t.tenant = u.tenant AND t.session_id = u.session_id AND t.state <> 'done'
               AND (u.everything OR t.number = (
                    SELECT min(number) FROM turns
                     WHERE tenant = u.tenant AND session_id = u.session_id AND state <> 'done'))";
        let Cancelled { sessions, tenants, all } = &self.cancelled;
        (!all.is_empty()).then(|| Query::new(sql, vec![sessions, tenants, all]))
    }

    fn accept(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO turns (turn_id, tenant, session_id, number, state, steps, accepted_at)
            SELECT turn_id, tenant, session_id, number, 'accepted', 1, at
              FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int8[], $5::timestamptz[])
                   AS u (turn_id, tenant, session_id, number, at)";
        let Accepted { turns, tenants, sessions, numbers, times } = &self.accepted;
        (!turns.is_empty()).then(|| Query::new(sql, vec![turns, tenants, sessions, numbers, times]))
    }

    fn progress(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE turns t SET state = u.state, steps = u.steps
              FROM unnest($1::uuid[], $2::text[], $3::int4[]) AS u (turn_id, state, steps)
             WHERE t.turn_id = u.turn_id";
        let Moved { turns, states, steps } = &self.moved;
        (!turns.is_empty()).then(|| Query::new(sql, vec![turns, states, steps]))
    }

    fn record(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO turn_inputs (tenant, turn_id, step, input)
            SELECT * FROM unnest($1::text[], $2::uuid[], $3::int4[], $4::bytea[])";
        let Inputs { tenants, turns, steps, payloads } = &self.inputs;
        (!turns.is_empty()).then(|| Query::new(sql, vec![tenants, turns, steps, payloads]))
    }
}

fn step_column(step: u32) -> i32 {
    i32::try_from(step).unwrap_or(i32::MAX)
}
