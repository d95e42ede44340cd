//! Messages that wait to be published.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

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

/// Rows of one lane that are done with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The lease of the lane.
    pub lease: PartitionLease,
    /// The rows.
    pub rows: Vec<SettledRow>,
}

/// A row that is done with: each of its messages was published, or never can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledRow {
    /// Which.
    pub id: u64,
    /// What of it can never be published.
    pub dead: Vec<DeadLetter>,
}

/// The messages that commits left to be published, by lane.
///
/// # Contract
///
/// - A row holds messages of one topic and one key, in the order in which they are to be published.
///   The events of a commit are one row, which refers to them: it is returned with their records as
///   the store has them. Every other message is a row of its own.
/// - Messages with the same key are in the same lane.
/// - [`read`](Self::read) returns the rows of the lanes that it is asked for, of all of them at once,
///   that are above `after`, by their ids. Rows with the same key have ids in the order in which
///   their commits were made, and none appears later below one of its key that was answered.
/// - The id of a row that is gone is not given again.
/// - A row is returned again until it is settled.
/// - A row that cannot be read is returned in its place, with all that is stored of it, and stops no
///   other.
/// - [`settle`](Self::settle) judges each settlement by its own lease: one whose lease was taken over
///   is answered with `false` and changes nothing, and the others are applied.
/// - What can never be published is a dead letter: kept and published on its topic's dead letters, in
///   one step with the settling of its row. It is kept once, and not at all if the row is gone.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The oldest rows of some lanes, of those with an id above `after`: at most `limit`.
    async fn read(&self, lanes: &[Lane], after: u64, limit: usize) -> PortResult<Vec<OutboxRow>>;

    /// Deletes rows that are done with. Returns whether the lease of each settlement still held.
    async fn settle(&self, settlements: &[Settlement]) -> PortResult<Vec<bool>>;

    /// How much waits.
    async fn depth(&self) -> PortResult<OutboxDepth>;
}
