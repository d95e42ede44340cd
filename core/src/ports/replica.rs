//! The replica of what was remembered: the table `memory_replica`.

use async_trait::async_trait;

use super::PortResult;
use crate::ids::{EventId, TenantId};
use crate::memory::WalEvent;
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
/// - A row is visible to its own tenant only; one of an erased session is not kept.
#[async_trait]
pub trait Replica: Send + Sync {
    /// Applies a batch.
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome>;

    /// The row of an event.
    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>>;

    /// How many rows a tenant has.
    async fn count(&self, tenant: &TenantId) -> PortResult<u64>;
}
