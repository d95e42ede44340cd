//! The ledger of tool calls.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::tool::{CallChange, CallRecord, ToolCall, ToolOutcome};
use soma_core::trace::TraceContext;
use soma_core::work::commit::Commit;

use crate::columns::{read_json, trace};
use crate::database::SqlError;

/// Applies the changes of a commit.
pub(super) fn apply(connection: &Connection, commit: &Commit) -> Result<(), SqlError> {
    for change in &commit.calls {
        match change {
            CallChange::Request { turn_id, call } => request(connection, commit, *turn_id, call)?,
            CallChange::Claim { call_id } => claim(connection, commit, *call_id)?,
            CallChange::Finish { outcome } => finish(connection, commit, outcome)?,
        }
    }
    Ok(())
}

fn request(
    connection: &Connection,
    commit: &Commit,
    turn: Option<TurnId>,
    call: &ToolCall,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO tool_calls (call_id, tenant, session_id, turn_id, call, state, requested_at,
                                     traceparent, tracestate)
             VALUES (?1, ?2, ?3, ?4, ?5, 'requested', ?6, ?7, ?8) ON CONFLICT (call_id) DO NOTHING",
        )?
        .execute(params![
            call.call_id.as_uuid(),
            commit.tenant.as_str(),
            commit.session_id.as_uuid(),
            turn.as_ref().map(TurnId::as_uuid),
            serde_json::to_string(call)?,
            commit.at.as_micros(),
            commit.trace.as_ref().map(TraceContext::traceparent),
            commit.trace.as_ref().and_then(TraceContext::tracestate),
        ])?;
    Ok(())
}

fn claim(connection: &Connection, commit: &Commit, call: CallId) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "UPDATE tool_calls SET state = 'claimed', tries = tries + 1
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3 AND outcome IS NULL",
        )?
        .execute(params![call.as_uuid(), commit.session_id.as_uuid(), commit.tenant.as_str()])?;
    Ok(())
}

fn finish(connection: &Connection, commit: &Commit, outcome: &ToolOutcome) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "UPDATE tool_calls SET state = 'done', outcome = ?4, done_at = ?5
              WHERE call_id = ?1 AND session_id = ?2 AND tenant = ?3 AND outcome IS NULL",
        )?
        .execute(params![
            outcome.call_id.as_uuid(),
            commit.session_id.as_uuid(),
            commit.tenant.as_str(),
            serde_json::to_string(outcome)?,
            commit.at.as_micros(),
        ])?;
    Ok(())
}

/// The calls of a session without an outcome, in the order they were asked for.
pub(crate) fn open(
    connection: &Connection,
    session: SessionId,
) -> Result<Vec<CallRecord>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent,
                    tracestate
               FROM tool_calls WHERE session_id = ?1 AND outcome IS NULL ORDER BY id",
        )?
        .query_and_then([session.as_uuid()], read)?
        .collect()
}

/// The calls of a turn, in the order they were asked for.
pub(super) fn of_turn(connection: &Connection, turn: TurnId) -> Result<Vec<CallRecord>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent,
                    tracestate
               FROM tool_calls WHERE turn_id = ?1 ORDER BY id",
        )?
        .query_and_then([turn.as_uuid()], read)?
        .collect()
}

/// One call.
pub(super) fn find(connection: &Connection, call: CallId) -> Result<Option<CallRecord>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent,
                    tracestate
               FROM tool_calls WHERE call_id = ?1",
        )?
        .query_and_then([call.as_uuid()], read)?
        .next()
        .transpose()
}

fn read(row: &Row<'_>) -> Result<CallRecord, SqlError> {
    let turn: Option<uuid::Uuid> = row.get(2)?;
    let call_id = CallId::from_uuid(row.get(7)?);
    let outcome = row.get_ref(6)?;
    let outcome = if outcome == ValueRef::Null { Ok(None) } else { read_json(outcome).map(Some) };
    let (call, outcome, unreadable) = match (read_json(row.get_ref(3)?), outcome) {
        (Ok(call), Ok(outcome)) => (call, outcome, None),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(call = %call_id, error = error.error, "a call cannot be read");
            (ToolCall::unknown(call_id), None, Some(error))
        }
    };
    Ok(CallRecord {
        tenant: TenantId::new(row.get::<_, String>(0)?)?,
        session_id: SessionId::from_uuid(row.get(1)?),
        turn_id: turn.map(TurnId::from_uuid),
        call,
        state: row.get::<_, String>(4)?.parse()?,
        tries: row.get(5)?,
        outcome,
        trace: trace(row, 8)?,
        unreadable,
    })
}
