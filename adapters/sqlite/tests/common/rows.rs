//! The rows of the replica.

use async_trait::async_trait;
use soma_core::contract::inspect::Inspect;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_sqlite::SqliteReplica;

/// Looks at the rows.
pub(crate) struct Rows(pub(crate) SqliteReplica);

#[async_trait]
impl Inspect for Rows {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        self.0.rows(tenant).await.unwrap()
    }
}
