//! Turns and their records.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::ids::{SessionId, TenantId, TurnId};
use soma_core::time::Timestamp;
use soma_core::turn::input::RecordedInput;
use soma_core::unreadable::Unreadable;
use soma_core::work::commit::{AcceptTurn, Cancel, Commit, TurnProgress};
use soma_core::work::session::{Session, TurnRecord, TurnState};

use super::calls;
use crate::columns::{raw_unpacked, read_json};
use crate::database::SqlError;
use crate::pack::packed;

/// Where a turn is.
pub(super) struct Place {
    pub(super) state: TurnState,
    pub(super) steps: u32,
}

/// Where a turn of the commit's session is, if there is such a turn.
pub(super) fn place(
    connection: &Connection,
    commit: &Commit,
    turn: TurnId,
) -> Result<Option<Place>, SqlError> {
    let key = params![turn.as_uuid(), commit.session_id.as_uuid(), commit.tenant.as_str()];
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
    let found = connection
        .prepare_cached(
            "SELECT state, steps FROM turns WHERE turn_id = ?1 AND session_id = ?2 AND tenant = ?3",
        )?
        .query_row(key, read)
        .optional()?;
    found.map(|(state, steps)| Ok(Place { state: state.parse()?, steps })).transpose()
}

/// Whether there is such a turn, in whatever session.
pub(super) fn is_known(connection: &Connection, turn: TurnId) -> Result<bool, SqlError> {
    let known = connection
        .prepare_cached("SELECT 1 FROM turns WHERE turn_id = ?1")?
        .exists([turn.as_uuid()])?;
    Ok(known)
}

/// Adds a turn with the next number.
pub(super) fn accept(
    connection: &Connection,
    session: &mut Session,
    accept: &AcceptTurn,
    at: Timestamp,
) -> Result<(), SqlError> {
    session.turns_accepted += 1;
    connection
        .prepare_cached(
            "INSERT INTO turns (turn_id, tenant, session_id, number, state, steps, accepted_at)
             VALUES (?1, ?2, ?3, ?4, 'accepted', 1, ?5)",
        )?
        .execute(params![
            accept.turn_id.as_uuid(),
            session.tenant.as_str(),
            session.session_id.as_uuid(),
            session.turns_accepted,
            at.as_micros(),
        ])?;
    record_input(connection, session, accept.turn_id, 0, &accept.input)
}

/// Marks unfinished turns as cancelled.
pub(super) fn cancel(
    connection: &Connection,
    session: &Session,
    cancel: Cancel,
) -> Result<(), SqlError> {
    let sql = match cancel {
        Cancel::Running => {
            "UPDATE turns SET cancel_requested = 1
              WHERE session_id = ?1 AND tenant = ?2 AND number =
                    (SELECT min(number) FROM turns WHERE session_id = ?1 AND state <> 'done')"
        }
        Cancel::All => {
            "UPDATE turns SET cancel_requested = 1
              WHERE session_id = ?1 AND tenant = ?2 AND state <> 'done'"
        }
    };
    connection
        .prepare_cached(sql)?
        .execute(params![session.session_id.as_uuid(), session.tenant.as_str()])?;
    Ok(())
}

/// Adds to a turn's record, and moves it.
pub(super) fn progress(
    connection: &Connection,
    session: &mut Session,
    progress: &TurnProgress,
) -> Result<(), SqlError> {
    let mut step = progress.from_step;
    for input in &progress.inputs {
        record_input(connection, session, progress.turn_id, step, input)?;
        step += 1;
    }
    connection
        .prepare_cached(
            "UPDATE turns SET state = ?2, steps = ?3
              WHERE turn_id = ?1 AND session_id = ?4 AND tenant = ?5",
        )?
        .execute(params![
            progress.turn_id.as_uuid(),
            progress.state.as_str(),
            step,
            session.session_id.as_uuid(),
            session.tenant.as_str(),
        ])?;
    if progress.state == TurnState::Done {
        session.turns_done += 1;
    }
    Ok(())
}

/// A turn with its inputs and calls.
pub(crate) fn record(
    connection: &Connection,
    turn: TurnId,
) -> Result<Option<TurnRecord>, SqlError> {
    let found = connection
        .prepare_cached(
            "SELECT tenant, session_id, number, state, cancel_requested, steps
               FROM turns WHERE turn_id = ?1",
        )?
        .query_row([turn.as_uuid()], |row| Ok(head(row, turn)))
        .optional()?;
    let Some(mut record) = found.transpose()? else { return Ok(None) };
    read_inputs(connection, &mut record)?;
    record.calls = calls::of_turn(connection, turn)?;
    Ok(Some(record))
}

/// Reads the inputs up to the first that cannot be read, and then all of them as they are.
fn read_inputs(connection: &Connection, record: &mut TurnRecord) -> Result<(), SqlError> {
    let mut select = connection
        .prepare_cached("SELECT input FROM turn_inputs WHERE turn_id = ?1 ORDER BY step")?;
    let mut rows = select.query([record.turn_id.as_uuid()])?;
    let mut error = None;
    while let Some(row) = rows.next()? {
        match read_json(row.get_ref(0)?) {
            Ok(input) => record.inputs.push(input),
            Err(unreadable) => {
                error = Some(unreadable.error);
                break;
            }
        }
    }
    drop(rows);
    if let Some(error) = error {
        let lines = select
            .query_map([record.turn_id.as_uuid()], |row| Ok(raw_unpacked(row.get_ref(0)?)))?;
        let raw = lines.collect::<Result<Vec<_>, _>>()?.join("\n");
        record.unreadable = Some(Unreadable { error, raw });
    }
    Ok(())
}

fn head(row: &Row<'_>, turn_id: TurnId) -> Result<TurnRecord, SqlError> {
    Ok(TurnRecord {
        tenant: TenantId::new(row.get::<_, String>(0)?)?,
        session_id: SessionId::from_uuid(row.get(1)?),
        turn_id,
        number: row.get(2)?,
        state: row.get::<_, String>(3)?.parse()?,
        cancel_requested: row.get(4)?,
        steps: row.get(5)?,
        inputs: Vec::new(),
        unreadable: None,
        calls: Vec::new(),
    })
}

fn record_input(
    connection: &Connection,
    session: &Session,
    turn: TurnId,
    step: u32,
    input: &RecordedInput,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO turn_inputs (tenant, turn_id, step, input) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            session.tenant.as_str(),
            turn.as_uuid(),
            step,
            packed(&serde_json::to_string(input)?),
        ])?;
    Ok(())
}
