//! Memory writes that wait to be made, and sessions that wait to be forgotten.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::{OwnerId, SessionId, TenantId};
use crate::memory::MemoryWrite;
use crate::outbox::dead::DeadLetter;
use crate::time::Timestamp;

/// A write that was taken up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DueWrite {
    /// Which row.
    pub id: u64,
    /// Changes whenever the row is taken up or overwritten: what was taken up earlier settles nothing.
    pub token: u64,
    /// How often it was taken up, this time included.
    pub tries: u32,
    /// What is to be remembered.
    pub write: MemoryWrite,
}

/// What became of a write that was taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// It was made, at that time.
    Made(Timestamp),
    /// It failed, and may succeed: it is due again after so long.
    PutOff(Duration),
    /// It can never succeed.
    Refused(DeadLetter),
}

/// A write that was taken up, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettledWrite {
    /// The write, as it was taken up.
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

/// Memory writes that commits left to be made, and sessions that were erased and are to be
/// forgotten. Holds and due times are by the clock of the store.
///
/// # Contract
///
/// - [`due`](Self::due) answers rows that are due and that nobody holds, oldest first, and holds them for
///   `hold`; after that they are due again, also if their taker died.
/// - Takers at the same time share no row.
/// - [`settle`](Self::settle) judges each write by itself, and answers for each, in their order,
///   whether it was still the taker's: of two who settle the same at the same time, one is.
/// - It deletes the row of a write that was made and puts its WAL record into the outbox; deletes one
///   that was refused and keeps its dead letter; and makes one that was put off due again when its
///   span is over. All of it is one step.
/// - A write that replaces one that is held is not due before that hold ends: were it, the older text
///   could be remembered last.
/// - With a token that is no longer the row's, it answers `false` for the write and changes nothing of
///   it: a write that was replaced while it was being made is made again.
/// - A row that cannot be read is not answered, and stops no other: it is a dead letter.
/// - [`Store::erase`](super::Store::erase) leaves a forget that is due at once.
/// - [`forgets`](Self::forgets) answers those that are due, in the order of erasure. Nobody holds
///   them, so they are answered again until [`forgot`](Self::forgot): forgetting twice does no harm.
/// - [`forgot`](Self::forgot) of a session that is not to be forgotten any more changes nothing.
/// - [`backlog`](Self::backlog) counts writes that are held or put off, and forgets that are put off,
///   too: at 0 nothing is left to be done.
#[async_trait]
pub trait MemoryQueue: Send + Sync {
    /// Takes up at most `limit` due writes.
    async fn due(&self, owner: OwnerId, hold: Duration, limit: usize) -> PortResult<Vec<DueWrite>>;

    /// What became of writes that were taken up.
    async fn settle(&self, settlements: &[SettledWrite]) -> PortResult<Vec<bool>>;

    /// At most `limit` sessions that were erased and whose memories are to be forgotten by now.
    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>>;

    /// The memories were forgotten: they are to be again after so long, or not any more.
    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()>;

    /// How many writes and forgets wait.
    async fn backlog(&self) -> PortResult<u64>;
}
