//! Messages that wait to be published.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::PortResult;
use crate::outbox::dead::DeadLetter;
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::time::Timestamp;
use crate::work::lease::PartitionLease;

/// How much waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// How many rows.
    pub rows: u64,
    /// When the oldest was committed.
    pub oldest: Option<Timestamp>,
}

/// The messages that commits left to be published, by lane.
///
/// # Contract
///
/// - [`read`](Self::read) answers the rows of one lane in the order their commits were made; no row
///   appears later below one that was answered.
/// - [`lanes`](Self::lanes) answers the lanes whose [`read`](Self::read) would answer something, and
///   only those. It is asked often: its cost does not grow with the number of rows.
/// - Messages with the same key are in the same lane.
/// - The id of a row that is gone is not given again.
/// - A row is answered again until it is settled or dead-lettered.
/// - [`settle`](Self::settle) and [`dead_letter`](Self::dead_letter) under a lease that was taken over answer
///   `false` and change nothing.
/// - A dead-lettered row is a dead letter: kept, published on its topic's dead letters, and no longer read.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The lanes that have rows.
    async fn lanes(&self) -> PortResult<BTreeSet<Lane>>;

    /// The oldest rows of a lane, at most `limit`.
    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>>;

    /// Deletes rows that were published. Answers whether the lease still held.
    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool>;

    /// Sets a row aside that can never be published. Answers whether the lease still held.
    async fn dead_letter(
        &self,
        lease: &PartitionLease,
        id: u64,
        letter: DeadLetter,
    ) -> PortResult<bool>;

    /// How much waits.
    async fn depth(&self) -> PortResult<OutboxDepth>;
}
