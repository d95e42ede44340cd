//! Records that arrive and make work ready, together with their position.

use rusqlite::{Connection, OptionalExtension, params};
use soma_core::observe::{self, SetAside};
use soma_core::outbox::wire::Subject;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{Arrival, BatchOutcome, WorkBatch};

use super::ready;
use crate::columns::platform;
use crate::database::SqlError;
use crate::leases;
use crate::outbox::dead;

/// Moves the position, and applies what arrived.
pub(super) fn apply(connection: &Connection, batch: &WorkBatch) -> Result<BatchOutcome, SqlError> {
    let outcome = leases::advance(connection, batch)?;
    if outcome != BatchOutcome::Applied {
        return Ok(outcome);
    }
    let platform = platform()?;
    for arrival in &batch.items {
        if arrive(connection, arrival)? == Known::No {
            dead::keep(connection, &arrival.otherwise, &platform)?;
            observe::dead_letter(&arrival.otherwise, SetAside::UnknownSubject);
        }
    }
    batch.dead.iter().try_for_each(|letter| dead::keep(connection, letter, &platform))?;
    Ok(outcome)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Yes,
    No,
    /// It is of a session that was erased.
    Erased,
}

/// Moves the subject on, if it is where the arrival finds it for the first time.
fn arrive(connection: &Connection, arrival: &Arrival) -> Result<Known, SqlError> {
    let (select, update, id, kind) = match arrival.subject {
        Subject::Turn(turn) => (
            "SELECT state = 'accepted' FROM turns
              WHERE turn_id = ?1 AND session_id = ?2 AND tenant = ?3",
            "UPDATE turns SET state = 'ready'
              WHERE turn_id = ?1 AND session_id = ?2 AND tenant = ?3",
            *turn.as_uuid(),
            WorkKind::Turns,
        ),
        Subject::ToolRequest(call) => (
            "SELECT state = 'requested' FROM tool_calls
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3",
            "UPDATE tool_calls SET state = 'ready'
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3",
            *call.as_uuid(),
            WorkKind::Calls,
        ),
        Subject::ToolResult(call) => (
            "SELECT state = 'done' FROM tool_calls
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3",
            "UPDATE tool_calls SET state = 'delivered'
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3",
            *call.as_uuid(),
            WorkKind::Turns,
        ),
    };
    let key = params![id, arrival.session_id.as_uuid(), arrival.tenant.as_str()];
    let first: Option<bool> =
        connection.prepare_cached(select)?.query_row(key, |row| row.get(0)).optional()?;
    match first {
        None => return erased(connection, arrival),
        Some(false) => {}
        Some(true) => {
            connection.prepare_cached(update)?.execute(key)?;
            ready::refresh(connection, kind, &arrival.tenant, arrival.session_id)?;
        }
    }
    Ok(Known::Yes)
}

/// What is known of a subject that is not there.
fn erased(connection: &Connection, arrival: &Arrival) -> Result<Known, SqlError> {
    let erased = connection
        .prepare_cached(
            "SELECT 1 FROM sessions WHERE session_id = ?1 AND tenant = ?2 AND erased = 1",
        )?
        .exists(params![arrival.session_id.as_uuid(), arrival.tenant.as_str()])?;
    Ok(if erased { Known::Erased } else { Known::No })
}
