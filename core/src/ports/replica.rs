//! The replica of what was remembered: the table `memory_replica`.

use async_trait::async_trait;

use super::PortResult;
use crate::work::ingest::{BatchOutcome, ReplicaBatch};

/// Holds a row for every memory that was written.
///
/// # Contract
///
/// - [`apply`](Self::apply) inserts the rows, keeps the dead letters and the digest of the last
///   record and moves the position, forward or back, in one step, or does nothing.
/// - An event that is there already is skipped.
/// - A batch under an older epoch, or from another position, is [`BatchOutcome::Fenced`]; one that
///   was applied is [`BatchOutcome::AlreadyDone`].
/// - A row belongs to the tenant that its event names; one of an erased session is not kept.
#[async_trait]
pub trait Replica: Send + Sync {
    /// Applies a batch.
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome>;
}
