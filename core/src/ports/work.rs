//! The queues of turns and tool calls.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::{OwnerId, SessionId, TenantId, TurnId};
use crate::time::Timestamp;
use crate::work::commit::WorkKind;
use crate::work::ingest::{BatchOutcome, WorkBatch};

/// A session whose work was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Whose.
    pub tenant: TenantId,
    /// The session.
    pub session_id: SessionId,
    /// Turns or calls.
    pub kind: WorkKind,
    /// Who claimed it.
    pub owner: OwnerId,
    /// Fences whoever held it before.
    pub epoch: u64,
    /// The turn that is to be worked on; none for calls.
    pub turn_id: Option<TurnId>,
    /// How often the turn was claimed since it last made progress, this time included; 1 for calls,
    /// whose tries are in the ledger.
    pub tries: u32,
}

/// How a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heartbeat {
    /// It is held.
    Held,
    /// It is held, and a person cancelled the turn.
    CancelRequested,
    /// It is someone else's now.
    Lost,
}

/// How the work of a claim went until it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    /// There is no more to do for now, its holder stops, or what it needs is away for a while: the
    /// work itself is not to blame.
    Orderly,
    /// The work failed, and would fail again.
    Failed,
}

/// Hands out sessions with something to do.
///
/// # Contract
///
/// - [`ingest`](Self::ingest) moves the position, forward or back, keeps the digest of the last
///   record and makes the work ready in one step, or does nothing. A batch under an older epoch or
///   from another position is [`BatchOutcome::Fenced`]; one that was applied is
///   [`BatchOutcome::AlreadyDone`].
/// - An arrival whose subject the store does not know for that tenant and session is kept as its
///   dead letter; one that arrived before changes nothing.
/// - An arrival of a session that was erased is dropped: nothing of it is kept.
/// - [`recover_overdue`](Self::recover_overdue) does what an arrival would have done, for what was
///   committed before a time and has not arrived: of turns, messages that were accepted and results
///   that a turn waits for; of calls, requests. The most overdue comes first. What arrives after
///   all changes nothing. When nothing is overdue its cost does not grow with what is stored.
/// - At most one claim per session and kind is held at a time, and it carries the session's oldest
///   unfinished turn: turns of a session never run side by side nor out of order.
/// - A turn is claimed only once it arrived; one that waits for tools only once all its calls are
///   delivered, or it was cancelled.
/// - Calls are claimed once one of them arrived and is not done.
/// - Claiming counts the try before it answers: whoever dies at work cannot escape the count.
/// - The count starts anew when the turn makes progress, or is released in good order; one that is
///   released because it failed keeps it.
/// - A claim that was not kept alive for its `ttl` can be claimed by another, with a higher epoch;
///   then [`heartbeat`](Self::heartbeat) of the first answers [`Heartbeat::Lost`].
/// - A claim that was released admits no more commits.
/// - Claims are fair: no tenant holds more than `tenant_cap` claims of a kind, and of the tenants with
///   work the one that holds the fewest is served first, the oldest work of a tenant before newer.
#[async_trait]
pub trait Work: Send + Sync {
    /// Applies a batch of records.
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome>;

    /// Makes ready what was committed before a time and has not arrived, at most `limit`. Answers
    /// how much that was. The log only carries: what it lost is still in the store.
    async fn recover_overdue(
        &self,
        kind: WorkKind,
        before: Timestamp,
        limit: usize,
    ) -> PortResult<usize>;

    /// Claims the next session with work of `kind` for `ttl`.
    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>>;

    /// Keeps a claim for another `ttl`.
    async fn heartbeat(
        &self,
        claim: &Claim,
        now: Timestamp,
        ttl: Duration,
    ) -> PortResult<Heartbeat>;

    /// Gives a claim up, with its work as far as it was committed; counted as a try only if it
    /// failed. Another may claim the session `delay` from now.
    async fn release(
        &self,
        claim: &Claim,
        how: Release,
        now: Timestamp,
        delay: Duration,
    ) -> PortResult<()>;

    /// How many sessions have work of `kind` that nobody has claimed.
    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize>;
}
