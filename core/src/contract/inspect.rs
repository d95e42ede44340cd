//! Looking at what is stored and no port returns.

use async_trait::async_trait;

use super::damage::NoDamage;
use crate::ids::TenantId;
use crate::memory::WalEvent;
use crate::policy::Decision;

/// Looks at what an implementation has stored, behind its back.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// The rows of the replica that are a tenant's.
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent>;

    /// What was decided for a tenant outside of any session, in its order.
    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision>;
}

#[async_trait]
impl Inspect for NoDamage {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        panic!("the rows of {tenant} cannot be seen here");
    }

    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision> {
        panic!("what was decided for {tenant} cannot be seen here");
    }
}
