//! Memory writes that wait to be made, and sessions that wait to be forgotten.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::{SessionId, TenantId};
use crate::memory::MemoryWrite;
use crate::outbox::dead::DeadLetter;
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::work::lease::PartitionLease;

/// A write that is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DueWrite {
    /// Which row.
    pub id: u64,
    /// How many older writes of its key it replaced while they waited in the row.
    pub version: u64,
    /// The number of this attempt, from 1: each time that it was put off was one.
    pub tries: u32,
    /// What is to be remembered.
    pub write: MemoryWrite,
    /// The trace of the commit that left it.
    pub trace: Option<TraceContext>,
}

/// What became of a write that was due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// It was made, at that time.
    Made(Timestamp),
    /// It failed, and may succeed: it is due again after so long.
    PutOff(Duration),
    /// It can never succeed.
    Refused(DeadLetter),
}

/// A write that was due, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettledWrite {
    /// The write, as it was read.
    pub due: DueWrite,
    /// What became of it.
    pub outcome: WriteOutcome,
}

/// A session that was erased, and whose memories are to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueForget {
    /// Whose it was.
    pub tenant: TenantId,
    /// Which session.
    pub session_id: SessionId,
    /// When it was erased.
    pub erased_at: Timestamp,
}

/// Memory writes that commits left to be made, by lane, and sessions that were erased and are to be
/// forgotten. Due times are by the clock of the store.
///
/// # Contract
///
/// - A write is in the lane of its key ([`Lane::of`](crate::outbox::lane::Lane::of)), and whoever
///   holds that [lane](crate::work::lease::Resource::MemoryLane) makes it.
/// - [`due`](Self::due) returns the writes of some lanes that are due, oldest first. They are returned
///   again until they are settled: reading them changes nothing.
/// - It returns nothing of a lane whose lease was taken over.
/// - [`settle`](Self::settle) judges each write by itself, and returns for each, in their order,
///   whether it was settled: of two who settle the same at the same time, one succeeds.
/// - It deletes the row of a write that was made and puts its WAL record into the outbox, with the
///   trace of the commit that left it; deletes one that was refused and keeps its dead letter; and
///   makes one that was put off due again when its span is over. All of it is one step.
/// - A write whose lane is not among the leases, or whose lease was taken over, is not settled, and
///   nothing of it changes.
/// - A write that replaces one of the same key takes its row over, under a higher version, and is due
///   at once.
/// - A write that was replaced since it was read is not settled: the newer one is still to be made.
/// - A row that cannot be read is not returned, and stops no other: it is a dead letter.
/// - [`Store::erase`](super::Store::erase) leaves a forget that is due at once.
/// - [`forgets`](Self::forgets) returns those that are due, in the order of erasure. Nobody holds
///   them, so they are returned again until [`forgot`](Self::forgot): forgetting twice does no harm.
/// - [`forgot`](Self::forgot) of a session that is not to be forgotten any more changes nothing.
/// - [`backlog`](Self::backlog) counts writes and forgets that are put off, too: at 0 nothing is left
///   to be done.
#[async_trait]
pub trait MemoryQueue: Send + Sync {
    /// At most `limit` writes of the lanes that are leased.
    async fn due(&self, lanes: &[PartitionLease], limit: usize) -> PortResult<Vec<DueWrite>>;

    /// What became of writes of the lanes that are leased.
    async fn settle(
        &self,
        lanes: &[PartitionLease],
        settlements: &[SettledWrite],
    ) -> PortResult<Vec<bool>>;

    /// At most `limit` sessions that were erased and whose memories are to be forgotten by now.
    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>>;

    /// The memories were forgotten: they are to be again after so long, or not any more.
    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()>;

    /// How many writes and forgets wait.
    async fn backlog(&self) -> PortResult<u64>;
}
