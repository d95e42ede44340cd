//! The truth: sessions, their events, and the turns that made them.

use async_trait::async_trait;

use super::PortResult;
use crate::conversation::event::{Event, Seq};
use crate::ids::{CallId, SessionId, TenantId, TurnId};
use crate::time::Timestamp;
use crate::tool::CallRecord;
use crate::work::commit::{Commit, CommitOutcome};
use crate::work::session::{EventRange, Session, TurnRecord};

/// Keeps conversations, and everything that must be durable together with them.
///
/// # Contract
///
/// - [`commit`](Self::commit) is atomic: a reader sees all of a commit or nothing of it.
/// - The fence is checked before anything else: a commit under a lease that was taken over is
///   [`CommitOutcome::Fenced`], whatever else is wrong with it.
/// - A commit that was applied before is [`CommitOutcome::AlreadyDone`] with its events, before any
///   other check but the fence: it was if its turn's record is longer than `from_step`, or if one
///   of its events is recorded.
/// - A client's request with a known key is [`CommitOutcome::Answered`] with the first receipt, or
///   [`CommitOutcome::KeyReused`] if its digest differs. Keys of different tenants do not meet.
/// - Events are numbered without a gap and chained by
///   [`Chain::append`](crate::conversation::chain::Chain::append), in the order of commits, also when
///   commits of one session are made at the same time.
/// - The events of a commit are in the outbox for `conversation.outbound`, in one row; so are its
///   messages, each in its own. What a commit publishes carries the commit's trace
///   context, and a call that it requests keeps it.
/// - Every dead letter is kept and in the outbox for its topic, once for the same origin.
/// - A commit that is refused (`Conflict`, `TurnDone`, `Fenced`, `NoSession`, …) changes nothing.
/// - Turns are numbered from 1 without a gap in the order of commits. `only_if_idle` and `expected`
///   give [`CommitOutcome::Conflict`] when they do not hold; `live_turn` gives
///   [`CommitOutcome::TurnDone`].
/// - A commit that sets tokens aside beyond the limit it names is [`CommitOutcome::OverBudget`],
///   unless that reservation is on the ledger.
/// - Progress of a turn that is done is [`CommitOutcome::TurnDone`].
/// - A session that gets an event moves up in the list of its tenant's, never down, whatever the time
///   of the commit.
/// - A session is visible to its own tenant only; to another it does not exist.
/// - [`heads`](Self::heads) answers for as many sessions as it is asked, in their order.
/// - After [`erase`](Self::erase) the session does not exist for anyone, its content and its queued
///   work are gone, its rows in replica and outbox too, and no commit brings it back. What was used
///   stays used, and what its turns had set aside counts as used, whole: nobody is left to settle it.
/// - In the same step it leaves the session to be forgotten by the memory, at once: a
///   [forget](super::MemoryQueue::forgets).
/// - What is stored and cannot be read, of another build or damaged, stops nobody: a turn is answered
///   with the inputs before it and all that is stored, a call with its id, an event as
///   [`EventType::Unreadable`](crate::conversation::event::EventType::Unreadable). Such a turn can be
///   ended as any other.
/// - [`SettleInFull`](crate::budget::UsageChange::SettleInFull) counts as used what the turn has set
///   aside and not settled.
/// - If the implementation is durable, what was committed survives a restart.
#[async_trait]
pub trait Store: Send + Sync {
    /// Applies everything in `commit`, or nothing.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`](super::PortError::Ambiguous) if it may have been applied: committing the same
    /// value again is safe and tells.
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome>;

    /// The session, if this tenant has it.
    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>>;

    /// The tenant's sessions, those with the newest events first: at most `limit` of those that
    /// come after `after`, which is the last of the page before.
    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>>;

    /// The number of the last event of each of these sessions, 0 if it has none; none for a session
    /// that its tenant does not have. One call for all that a gateway follows.
    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>>;

    /// At most `limit` events of a session; none if the tenant has no such session. What is not
    /// asked for is not read.
    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>>;

    /// A turn and its record.
    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>>;

    /// The calls of a session that are not done, in the order they were asked for.
    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>>;

    /// A call of the ledger.
    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>>;

    /// Deletes a session with everything that was said in it. Returns whether there was one.
    async fn erase(&self, tenant: &TenantId, session: SessionId, at: Timestamp)
    -> PortResult<bool>;
}
