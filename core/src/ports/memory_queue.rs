//! Memory writes that wait to be made, and sessions that wait to be forgotten.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::{OwnerId, SessionId, TenantId};
use crate::memory::{MemoryWrite, WalEvent};
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
/// forgotten.
///
/// # Contract
///
/// - [`due`](Self::due) answers rows that are due and that nobody holds, oldest first, and holds them for
///   `hold`; after that they are due again, also if their taker died.
/// - [`settle`](Self::settle) deletes the row and puts its WAL record into the outbox, in one step.
/// - [`retry_at`](Self::retry_at) makes the row due again at that time.
/// - [`dead_letter`](Self::dead_letter) deletes the row and keeps its dead letter.
/// - A write that replaces one that is held is not due before that hold ends: were it, the older text
///   could be remembered last.
/// - With a token that is no longer the row's, all three answer `false` and change nothing: a write
///   that was replaced while it was being made is made again.
/// - A row that cannot be read is not answered, and stops no other: it is a dead letter.
/// - [`Store::erase`](super::Store::erase) leaves a forget that is due when the session was erased.
/// - [`forgets`](Self::forgets) answers those that are due, in the order of erasure. Nobody holds
///   them, so they are answered again until [`forgot`](Self::forgot): forgetting twice does no harm.
/// - [`forgot`](Self::forgot) of a session that is not to be forgotten any more changes nothing.
/// - [`backlog`](Self::backlog) counts writes that are held or put off, and forgets that are put off,
///   too: at 0 nothing is left to be done.
#[async_trait]
pub trait MemoryQueue: Send + Sync {
    /// Takes up at most `limit` due writes.
    async fn due(
        &self,
        owner: OwnerId,
        now: Timestamp,
        hold: Duration,
        limit: usize,
    ) -> PortResult<Vec<DueWrite>>;

    /// The write was made.
    async fn settle(&self, due: &DueWrite, wal: WalEvent) -> PortResult<bool>;

    /// The write failed, and may succeed later.
    async fn retry_at(&self, due: &DueWrite, at: Timestamp) -> PortResult<bool>;

    /// The write can never succeed.
    async fn dead_letter(&self, due: &DueWrite, letter: DeadLetter) -> PortResult<bool>;

    /// At most `limit` sessions that were erased and whose memories are to be forgotten by now.
    async fn forgets(&self, now: Timestamp, limit: usize) -> PortResult<Vec<DueForget>>;

    /// The memories were forgotten: they are to be again at that time, or not any more.
    async fn forgot(&self, forget: &DueForget, again_at: Option<Timestamp>) -> PortResult<()>;

    /// How many writes and forgets wait.
    async fn backlog(&self) -> PortResult<u64>;
}
