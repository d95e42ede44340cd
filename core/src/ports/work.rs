//! The queues of turns and tool calls.

use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;
use crate::ids::{OwnerId, SessionId, TenantId, TurnId};
use crate::tool::CallRecord;
use crate::work::backlog::Backlog;
use crate::work::commit::WorkKind;
use crate::work::ingest::{BatchOutcome, WorkBatch};
use crate::work::session::{Session, TurnRecord};

/// Who asks for work, and for how much.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Turns or calls.
    pub kind: WorkKind,
    /// Who asks.
    pub owner: OwnerId,
    /// What it holds of this kind, as far as it knows.
    pub holding: Vec<Holding>,
    /// The most sessions that it wants.
    pub most: usize,
    /// How long it counts as alive without being heard of.
    pub ttl: Duration,
    /// The most sessions of one tenant that may be claimed at a time, by all owners together.
    pub tenant_cap: usize,
}

/// What an owner holds, by the name it is given back under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding {
    /// The session.
    pub session_id: SessionId,
    /// The epoch of its claim.
    pub epoch: u64,
}

/// A session whose work was claimed, with all that its owner needs to begin.
#[derive(Clone, Debug, PartialEq)]
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
    /// How often the work failed, or killed its worker, since it last made progress: see
    /// [`suspicion`](crate::work::suspicion).
    pub tries: u32,
    /// The session, as it was when it was claimed.
    pub session: Session,
    /// The turn's record; none for calls, and none if this build cannot read it: then
    /// [`Store::turn`](super::Store::turn) says why.
    pub turn: Option<TurnRecord>,
    /// The session's open calls; none for turns.
    pub calls: Vec<CallRecord>,
}

impl Claim {
    /// The name it is given back under.
    pub const fn holding(&self) -> Holding {
        Holding { session_id: self.session_id, epoch: self.epoch }
    }
}

/// What an owner was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claimed {
    /// The sessions, in the order in which they are served.
    pub claims: Vec<Claim>,
    /// Whether there is work that waits only until somebody releases something: its tenant is at its
    /// cap, or it is a suspect that must not be worked on beside others.
    pub more: bool,
}

/// How the claims of an owner stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// These are someone else's, or nobody's, now.
    pub lost: Vec<Holding>,
    /// These turns a person cancelled.
    pub cancelled: Vec<CancelledTurn>,
}

/// A turn that a person cancelled, and the claim under which something is done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelledTurn {
    /// The claim.
    pub holding: Holding,
    /// The turn: the one that is claimed, or one with calls among those that are claimed.
    pub turn_id: TurnId,
}

/// How the work of a claim went until it was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
///   committed longer ago than an age and has not arrived: of turns, messages that were accepted and results
///   that a turn waits for; of calls, requests. The most overdue comes first. What arrives after
///   all changes nothing. When nothing is overdue its cost does not grow with what is stored.
/// - At most one claim per session and kind is held at a time, and it carries the session's oldest
///   unfinished turn: turns of a session never run side by side nor out of order.
/// - A turn is claimed only once it arrived; one that waits for tools only once all its calls are
///   delivered, or it was cancelled.
/// - Calls are claimed once one of them arrived and is not done.
/// - A claim brings its session, the record of its turn and the open calls as they are at that moment.
/// - Claims are fair: no tenant holds more than `tenant_cap` claims of a kind, and of the tenants with
///   work the one that holds the fewest is served first, the oldest work of a tenant before newer.
///   One call for many claims what as many calls for one would have.
/// - [`more`](Claimed::more) tells whether work waits only for a release.
/// - What an owner that claims does not name among its `holding`, and the store has it hold, is free
///   again, and nothing is counted: the answer that gave it away was lost, or a release was.
/// - An owner is alive for `ttl` after a heartbeat or a claim that gave it something, and for at least
///   two thirds of it after a claim that gave nothing. When another claims after that, the owner is dead:
///   before anything is claimed, all that it held is free, and judged together by
///   the [`Blame`](crate::work::suspicion::Blame), owner by owner in the order in which they were due.
/// - An owner takes up only suspects that its [`SuspectLimit`](crate::work::suspicion::SuspectLimit) admits.
/// - The count of tries starts anew when the record takes an input that
///   [is progress](crate::turn::input::Input::is_progress), when a call ends, and when the work is
///   released in good order. Releasing it as failed counts a try; nothing else does, and a death only
///   as it is judged.
/// - [`heartbeat`](Self::heartbeat) judges each claim that is named by itself: whether it is held by
///   this owner under this epoch, and whether its turn was cancelled; of calls, which turns of those
///   with open calls were, also when such a turn is over. It keeps an owner alive that nobody found dead.
/// - A claim that was released admits no more commits. A commit that releases does so with all else
///   that it does, or not at all; made again it is answered as one that was done, until another has
///   the claim.
/// - An owner that [left](Self::leave) holds nothing, and nothing is counted.
/// - [`backlog`](Self::backlog) counts, for each tenant, what is not done, less the sessions that are
///   claimed; tenants with nothing waiting are left out.
#[async_trait]
pub trait Work: Send + Sync {
    /// Applies a batch of records.
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome>;

    /// Makes ready what was committed longer than `age` ago and has not arrived, at most `limit`.
    /// Returns how much that was. The log only carries: what it lost is still in the store.
    async fn recover_overdue(
        &self,
        kind: WorkKind,
        age: Duration,
        limit: usize,
    ) -> PortResult<usize>;

    /// Claims the next sessions with work.
    async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed>;

    /// Says that an owner is alive for another `ttl`, and asks how its claims stand.
    async fn heartbeat(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        holding: &[Holding],
        ttl: Duration,
    ) -> PortResult<Heartbeat>;

    /// Gives a claim up, with its work as far as it was committed. Another may claim the session
    /// `delay` from now. A claim that ends with a commit is released by that.
    async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()>;

    /// An owner stops: whatever it holds still is free.
    async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()>;

    /// What of `kind` was accepted, is not done, and waits. Its cost may grow with what is not done,
    /// and not with what is.
    async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog>;

    /// How many sessions have work of `kind` that no living owner has claimed.
    async fn depth(&self, kind: WorkKind) -> PortResult<usize>;
}
