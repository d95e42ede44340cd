//! Memory writes that wait to be made: the table `memory_write_outbox`.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::OwnerId;
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

/// Memory writes that commits left to be made.
///
/// # Contract
///
/// - [`due`](Self::due) answers rows that are due and that nobody holds, oldest first, and holds them for
///   `hold`; after that they are due again, also if their taker died.
/// - [`settle`](Self::settle) deletes the row and puts its WAL record into the outbox, in one step.
/// - [`retry_at`](Self::retry_at) makes the row due again at that time.
/// - [`bury`](Self::bury) deletes the row and keeps its dead letter.
/// - A write that replaces one that is held is not due before that hold ends: were it, the older text
///   could be remembered last.
/// - With a token that is no longer the row's, all three answer `false` and change nothing: a write
///   that was replaced while it was being made is made again.
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
    async fn bury(&self, due: &DueWrite, letter: DeadLetter) -> PortResult<bool>;

    /// How many writes wait.
    async fn backlog(&self) -> PortResult<u64>;
}
