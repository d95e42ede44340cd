//! The ledger of tool calls.

use soma_core::ids::{CallId, SessionId, TurnId};
use soma_core::tool::{CallChange, CallRecord, ToolCall};
use soma_core::trace::TraceContext;
use soma_core::work::commit::Commit;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{At, json, read_json, small, tenant, trace};
use crate::database::{Query, SqlError};

/// The calls of turns ($1), each in the order they were asked for.
pub(crate) const OF_TURNS: &str = "
    SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent, tracestate
      FROM tool_calls WHERE turn_id = ANY($1) ORDER BY turn_id, id";

/// The calls of sessions ($1) without an outcome, each in the order they were asked for.
pub(crate) const OPEN_OF_SESSIONS: &str = "
    SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent, tracestate
      FROM tool_calls WHERE session_id = ANY($1) AND outcome IS NULL ORDER BY session_id, id";

/// One call ($1).
pub(super) const FIND: &str = "
    SELECT tenant, session_id, turn_id, call, state, tries, outcome, call_id, traceparent, tracestate
      FROM tool_calls WHERE call_id = $1";

/// Reads a call.
pub(crate) fn read(row: &Row) -> Result<CallRecord, SqlError> {
    let turn: Option<Uuid> = row.try_get(2)?;
    let call_id = CallId::from_uuid(row.try_get(7)?);
    let outcome: Option<&[u8]> = row.try_get(6)?;
    let outcome = outcome.map(read_json).transpose();
    let (call, outcome, unreadable) = match (read_json(row.try_get(3)?), outcome) {
        (Ok(call), Ok(outcome)) => (call, outcome, None),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(call = %call_id, error = error.error, "a call cannot be read");
            (ToolCall::unknown(call_id), None, Some(error))
        }
    };
    Ok(CallRecord {
        tenant: tenant(row, 0)?,
        session_id: SessionId::from_uuid(row.try_get(1)?),
        turn_id: turn.map(TurnId::from_uuid),
        call,
        state: row.try_get::<_, &str>(4)?.parse()?,
        tries: small(row, 5)?,
        outcome,
        trace: trace(row, 8)?,
        unreadable,
    })
}

/// Changes of calls, column by column. Their states go only forward, so requests may come before
/// claims, and claims before ends.
#[derive(Debug, Default)]
pub(super) struct Columns {
    requested: Requested,
    claimed: Vec<Uuid>,
    claimed_of: Vec<Uuid>,
    ended: Ended,
}

#[derive(Debug, Default)]
struct Requested {
    ids: Vec<Uuid>,
    tenants: Vec<String>,
    sessions: Vec<Uuid>,
    turns: Vec<Option<Uuid>>,
    calls: Vec<Vec<u8>>,
    times: Vec<At>,
    traceparents: Vec<Option<String>>,
    tracestates: Vec<Option<String>>,
}

#[derive(Debug, Default)]
struct Ended {
    ids: Vec<Uuid>,
    sessions: Vec<Uuid>,
    outcomes: Vec<Vec<u8>>,
    times: Vec<At>,
}

impl Columns {
    pub(super) fn push(&mut self, commit: &Commit) -> Result<(), SqlError> {
        let session = *commit.session_id.as_uuid();
        for change in &commit.calls {
            match change {
                CallChange::Request { turn_id, call } => {
                    self.request(commit, *turn_id, call)?;
                }
                CallChange::Claim { call_id } => {
                    self.claimed.push(*call_id.as_uuid());
                    self.claimed_of.push(session);
                }
                CallChange::Finish { outcome } => {
                    self.ended.ids.push(*outcome.call_id.as_uuid());
                    self.ended.sessions.push(session);
                    self.ended.outcomes.push(json(outcome)?);
                    self.ended.times.push(At(commit.at));
                }
            }
        }
        Ok(())
    }

    fn request(
        &mut self,
        commit: &Commit,
        turn: Option<TurnId>,
        call: &ToolCall,
    ) -> Result<(), SqlError> {
        let trace = commit.trace.as_ref();
        let new = &mut self.requested;
        new.ids.push(*call.call_id.as_uuid());
        new.tenants.push(commit.tenant.to_string());
        new.sessions.push(*commit.session_id.as_uuid());
        new.turns.push(turn.map(|turn| *turn.as_uuid()));
        new.calls.push(json(call)?);
        new.times.push(At(commit.at));
        new.traceparents.push(trace.map(|trace| trace.traceparent().to_owned()));
        new.tracestates.push(trace.and_then(TraceContext::tracestate).map(str::to_owned));
        Ok(())
    }

    /// What writes them.
    pub(super) fn write(&self) -> impl Iterator<Item = Query<'_>> {
        [self.request_all(), self.claim_all(), self.end_all()].into_iter().flatten()
    }

    fn request_all(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO tool_calls (call_id, tenant, session_id, turn_id, call, state, requested_at,
                                    traceparent, tracestate)
            SELECT call_id, tenant, session_id, turn_id, call, 'requested', at, traceparent, tracestate
              FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bytea[],
                          $6::timestamptz[], $7::text[], $8::text[])
                   AS u (call_id, tenant, session_id, turn_id, call, at, traceparent, tracestate)
            ON CONFLICT (call_id) DO NOTHING";
        let new = &self.requested;
        let query = || {
            Query::new(
                sql,
                vec![
                    &new.ids,
                    &new.tenants,
                    &new.sessions,
                    &new.turns,
                    &new.calls,
                    &new.times,
                    &new.traceparents,
                    &new.tracestates,
                ],
            )
        };
        (!new.ids.is_empty()).then(query)
    }

    fn claim_all(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE tool_calls c SET state = 'claimed', tries = c.tries + u.times
              FROM (SELECT call_id, session_id, count(*)::int4 AS times
                      FROM unnest($1::uuid[], $2::uuid[]) AS u (call_id, session_id)
                     GROUP BY 1, 2) u
             WHERE c.call_id = u.call_id AND c.session_id = u.session_id AND c.outcome IS NULL";
        let query = || Query::new(sql, vec![&self.claimed, &self.claimed_of]);
        (!self.claimed.is_empty()).then(query)
    }

    fn end_all(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE tool_calls c SET state = 'done', outcome = u.outcome, done_at = u.at
              FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[])
                   AS u (call_id, session_id, outcome, at)
             WHERE c.call_id = u.call_id AND c.session_id = u.session_id AND c.outcome IS NULL";
        let Ended { ids, sessions, outcomes, times } = &self.ended;
        (!ids.is_empty()).then(|| Query::new(sql, vec![ids, sessions, outcomes, times]))
    }
}
