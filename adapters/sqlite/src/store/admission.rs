//! Whether a commit may be applied: the fence, then whether it was done, then what it expects.

use rusqlite::{Connection, OptionalExtension, params};
use soma_core::conversation::chain::Chain;
use soma_core::work::commit::{Commit, CommitOutcome, Fence};
use soma_core::work::session::{Session, TurnState};

use super::{events, requests, sessions, turns};
use crate::database::SqlError;
use crate::usage;

/// Whether a commit may be applied.
pub(super) enum Admission {
    /// To this session, which may not be stored yet, and where the turn is that makes progress.
    Admitted(Session, Option<TurnState>),
    Refused(CommitOutcome),
}

pub(super) fn admit(connection: &Connection, commit: &Commit) -> Result<Admission, SqlError> {
    let fence = fence(connection, commit)?;
    if fence == Holds::No {
        return Ok(Admission::Refused(CommitOutcome::Fenced));
    }
    if was_done(connection, commit)? {
        let events = events::recorded(connection, commit)?;
        return Ok(Admission::Refused(CommitOutcome::AlreadyDone(events)));
    }
    if fence == Holds::Freed {
        return Ok(Admission::Refused(CommitOutcome::Fenced));
    }
    if let Some(request) = &commit.request
        && let Some(answered) = requests::answered(connection, &commit.tenant, request)?
    {
        return Ok(Admission::Refused(answered));
    }
    let Some(session) = session(connection, commit)? else {
        return Ok(Admission::Refused(CommitOutcome::NoSession));
    };
    let turn = match unexpected(connection, commit, &session)? {
        Ok(turn) => turn,
        Err(refusal) => return Ok(Admission::Refused(refusal)),
    };
    for change in &commit.usage {
        if !usage::has_room_for(connection, change)? {
            return Ok(Admission::Refused(CommitOutcome::OverBudget));
        }
    }
    Ok(Admission::Admitted(session, turn))
}

/// Whether the fence holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Yes,
    /// The claim that the commit releases is free, and was not claimed again: if the commit was done,
    /// it was this one that freed it.
    Freed,
    No,
}

fn fence(connection: &Connection, commit: &Commit) -> Result<Holds, SqlError> {
    let Fence::Work { kind, epoch } = commit.fence else { return Ok(Holds::Yes) };
    let (session, tenant) = (commit.session_id.as_uuid(), commit.tenant.as_str());
    let held = connection
        .prepare_cached(
            "SELECT owner IS NOT NULL FROM work_claims
              WHERE session_id = ?1 AND kind = ?2 AND tenant = ?3 AND epoch = ?4",
        )?
        .query_row(params![session, kind.as_str(), tenant, epoch], |row| row.get(0))
        .optional()?;
    Ok(match held {
        Some(true) => Holds::Yes,
        Some(false) if commit.release => Holds::Freed,
        Some(false) | None => Holds::No,
    })
}

fn was_done(connection: &Connection, commit: &Commit) -> Result<bool, SqlError> {
    if let Some(progress) = &commit.turn
        && let Some(turn) = turns::place(connection, commit, progress.turn_id)?
        && turn.steps > progress.from_step
    {
        return Ok(true);
    }
    events::any_recorded(connection, commit)
}

/// The session as it is, or as it will be opened; none if it is another's, erased or missing.
fn session(connection: &Connection, commit: &Commit) -> Result<Option<Session>, SqlError> {
    let known = connection
        .prepare_cached("SELECT 1 FROM sessions WHERE session_id = ?1")?
        .query_row([commit.session_id.as_uuid()], |_| Ok(()))
        .optional()?;
    if known.is_some() {
        return sessions::visible(connection, &commit.tenant, commit.session_id);
    }
    Ok(commit.open.as_ref().map(|open| Session {
        tenant: commit.tenant.clone(),
        session_id: commit.session_id,
        persona_id: open.persona_id.clone(),
        created_at: commit.at,
        updated_at: commit.at,
        chain: Chain::new(commit.session_id),
        turns_accepted: 0,
        turns_done: 0,
    }))
}

/// Where the turn is that makes progress, or how the session is not what the commit expects.
fn unexpected(
    connection: &Connection,
    commit: &Commit,
    session: &Session,
) -> Result<Result<Option<TurnState>, CommitOutcome>, SqlError> {
    if commit.expected.is_some_and(|count| count != session.chain.count)
        || (commit.only_if_idle && session.turns_accepted != session.turns_done)
        || commit
            .most_unfinished
            .is_some_and(|most| session.turns_accepted.saturating_sub(session.turns_done) >= most)
    {
        return Ok(Err(CommitOutcome::Conflict));
    }
    if let Some(accept) = &commit.accept
        && turns::is_known(connection, accept.turn_id)?
    {
        return Ok(Err(CommitOutcome::Conflict));
    }
    if let Some(turn) = commit.live_turn {
        let live = turns::place(connection, commit, turn)?;
        if live.is_none_or(|turn| turn.state == TurnState::Done) {
            return Ok(Err(CommitOutcome::TurnDone));
        }
    }
    let Some(progress) = &commit.turn else { return Ok(Ok(None)) };
    Ok(match turns::place(connection, commit, progress.turn_id)? {
        Some(turn) if turn.state == TurnState::Done => Err(CommitOutcome::TurnDone),
        Some(turn) if turn.steps == progress.from_step => Ok(Some(turn.state)),
        Some(_) | None => Err(CommitOutcome::Conflict),
    })
}
