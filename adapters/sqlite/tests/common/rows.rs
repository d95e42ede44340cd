//! Rows that no port returns.

use async_trait::async_trait;
use soma_core::contract::inspect::Inspect;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_sqlite::{SqliteDecisions, SqliteReplica};

/// Looks at the rows.
pub(crate) struct Rows(pub(crate) SqliteReplica, pub(crate) SqliteDecisions);

#[async_trait]
impl Inspect for Rows {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        self.0.rows(tenant).await.unwrap()
    }

    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision> {
        self.1.outside(tenant).await.unwrap()
    }
}
