//! Decisions of the policy engine about what is done in no session.

use async_trait::async_trait;

use super::PortResult;
use crate::ids::TenantId;
use crate::policy::Decision;
use crate::time::Timestamp;

/// Keeps decisions that no [`Commit`](crate::work::commit::Commit) can carry: what operators do, they do
/// in no session.
///
/// # Contract
///
/// - Decisions that were recorded are kept for the tenant whose doing it was, in their order, denials
///   too.
/// - If the implementation is durable, they survive a restart.
#[async_trait]
pub trait Decisions: Send + Sync {
    /// Keeps what was decided for a tenant, at that time.
    async fn record(
        &self,
        tenant: &TenantId,
        decisions: &[Decision],
        at: Timestamp,
    ) -> PortResult<()>;
}
