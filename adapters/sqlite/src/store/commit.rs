//! A commit, applied: all of it in the savepoint of one job.

use rusqlite::Connection;
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_core::work::session::Session;

use super::admission::{self, Admission};
use super::{calls, events, requests, sessions, turns};
use crate::database::SqlError;
use crate::decisions;
use crate::memory_queue;
use crate::outbox::{dead, enqueue};
use crate::usage;
use crate::work::ready;

/// Applies the commit, unless it is refused: then nothing was changed.
pub(super) fn apply(connection: &Connection, commit: Commit) -> Result<CommitOutcome, SqlError> {
    let (mut session, turn) = match admission::admit(connection, &commit)? {
        Admission::Admitted(session, turn) => (session, turn),
        Admission::Refused(outcome) => return Ok(outcome),
    };
    move_turns(connection, &mut session, &commit)?;
    calls::apply(connection, &commit)?;
    commit.usage.iter().try_for_each(|change| usage::apply(connection, change))?;
    let trace = commit.trace.as_ref();
    commit.memory.iter().try_for_each(|write| memory_queue::put(connection, write, trace))?;
    let session_id = Some(commit.session_id);
    for made in &commit.decisions {
        decisions::insert(connection, &commit.tenant, session_id, made, commit.at)?;
    }
    requests::remember(connection, &commit)?;
    let changed = commit.turn.as_ref().is_some_and(|progress| Some(progress.state) != turn);
    ready::follow(connection, &commit, changed)?;

    let at = commit.at;
    let recorded = events::append(connection, &mut session, commit.events, at)?;
    enqueue::refer(connection, &session.tenant, &recorded, trace, at)?;
    for message in commit.outbox {
        enqueue::enqueue(connection, &message.completed(&recorded, trace), at)?;
    }
    commit.dead.iter().try_for_each(|letter| dead::keep(connection, letter, &session.tenant))?;
    sessions::save(connection, &session)?;
    Ok(CommitOutcome::Committed(recorded))
}

/// Cancels before it accepts: a message that interrupts is not cancelled by itself.
fn move_turns(
    connection: &Connection,
    session: &mut Session,
    commit: &Commit,
) -> Result<(), SqlError> {
    if let Some(cancel) = commit.cancel {
        turns::cancel(connection, session, cancel)?;
    }
    if let Some(accept) = &commit.accept {
        turns::accept(connection, session, accept, commit.at)?;
    }
    if let Some(progress) = &commit.turn {
        turns::progress(connection, session, progress)?;
    }
    Ok(())
}
