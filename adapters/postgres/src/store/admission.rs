//! Whether a commit may be applied: the fence, then whether it was done, then what it expects.

use soma_core::conversation::chain::Chain;
use soma_core::work::commit::{Commit, CommitOutcome, Fence};
use soma_core::work::session::{Session, TurnState};

use super::facts::Facts;

/// A commit that may be applied.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The session as it is, or as it will be opened.
    pub(super) session: Session,
    pub(super) is_new: bool,
    /// Where the turn is that makes progress.
    pub(super) turn: Option<TurnState>,
}

/// # Errors
///
/// The answer to a commit that changes nothing.
pub(super) fn admit(facts: &Facts, commit: &Commit) -> Result<Admitted, CommitOutcome> {
    let fence = fence(facts, commit);
    if fence == Holds::No {
        return Err(CommitOutcome::Fenced);
    }
    if was_done(facts, commit) {
        return Err(CommitOutcome::AlreadyDone(facts.recorded(commit).cloned().collect()));
    }
    if fence == Holds::Freed {
        return Err(CommitOutcome::Fenced);
    }
    if let Some(answered) = answered(facts, commit) {
        return Err(answered);
    }
    let (session, is_new) = session(facts, commit).ok_or(CommitOutcome::NoSession)?;
    let turn = expected(facts, commit, &session)?;
    if !commit.usage.iter().all(|change| facts.usage.has_room_for(change)) {
        return Err(CommitOutcome::OverBudget);
    }
    Ok(Admitted { session, is_new, turn })
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

fn fence(facts: &Facts, commit: &Commit) -> Holds {
    let Fence::Work { kind, epoch } = commit.fence else { return Holds::Yes };
    match facts.claims.get(&(commit.session_id, kind)) {
        Some(claim) if claim.epoch != epoch => Holds::No,
        Some(claim) if claim.held => Holds::Yes,
        Some(_) if commit.release => Holds::Freed,
        Some(_) | None => Holds::No,
    }
}

fn was_done(facts: &Facts, commit: &Commit) -> bool {
    if let Some(progress) = &commit.turn
        && let Some(turn) = facts.place(commit, progress.turn_id)
        && turn.steps > progress.from_step
    {
        return true;
    }
    facts.recorded(commit).next().is_some()
}

/// What to answer if the client's key is known.
fn answered(facts: &Facts, commit: &Commit) -> Option<CommitOutcome> {
    let request = commit.request.as_ref()?;
    let key = (commit.tenant.to_string(), request.key.clone());
    let (digest, answer) = facts.requests.get(&key)?;
    if *digest != request.digest {
        return Some(CommitOutcome::KeyReused);
    }
    Some(CommitOutcome::Answered(*answer))
}

/// The session as it is, or as it will be opened; none if it is another's, erased or missing.
fn session(facts: &Facts, commit: &Commit) -> Option<(Session, bool)> {
    if let Some(known) = facts.sessions.get(&commit.session_id) {
        let visible = !known.erased && known.session.tenant == commit.tenant;
        return visible.then(|| (known.session.clone(), false));
    }
    let open = commit.open.as_ref()?;
    let session = Session {
        tenant: commit.tenant.clone(),
        session_id: commit.session_id,
        persona_id: open.persona_id.clone(),
        created_at: commit.at,
        updated_at: commit.at,
        chain: Chain::new(commit.session_id),
        turns_accepted: 0,
        turns_done: 0,
    };
    Some((session, true))
}

/// Where the turn is that makes progress, or how the session is not what the commit expects.
fn expected(
    facts: &Facts,
    commit: &Commit,
    session: &Session,
) -> Result<Option<TurnState>, CommitOutcome> {
    let unfinished = session.turns_accepted.saturating_sub(session.turns_done);
    if commit.expected.is_some_and(|count| count != session.chain.count)
        || (commit.only_if_idle && session.turns_accepted != session.turns_done)
        || commit.most_unfinished.is_some_and(|most| unfinished >= most)
    {
        return Err(CommitOutcome::Conflict);
    }
    if commit.accept.as_ref().is_some_and(|accept| facts.turns.contains_key(&accept.turn_id)) {
        return Err(CommitOutcome::Conflict);
    }
    if let Some(turn) = commit.live_turn {
        let live = facts.place(commit, turn);
        if live.is_none_or(|turn| turn.state == TurnState::Done) {
            return Err(CommitOutcome::TurnDone);
        }
    }
    let Some(progress) = &commit.turn else { return Ok(None) };
    match facts.place(commit, progress.turn_id) {
        Some(turn) if turn.state == TurnState::Done => Err(CommitOutcome::TurnDone),
        Some(turn) if turn.steps == progress.from_step => Ok(Some(turn.state)),
        Some(_) | None => Err(CommitOutcome::Conflict),
    }
}
