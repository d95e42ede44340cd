//! A memory that, at times, says that it remembers and does not: what `SomaBrain` is known to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Memory, PortResult};

use crate::audit::Audit;

/// A memory that lies while it is told to.
pub(super) struct LyingMemory<M> {
    pub(super) inner: Arc<M>,
    pub(super) lies: Arc<AtomicBool>,
    pub(super) audit: Arc<Audit>,
}

#[async_trait]
impl<M> Memory for LyingMemory<M>
where
    M: Memory,
{
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        if self.lies.load(Ordering::Relaxed) {
            for write in writes {
                self.audit.memory_lied(&write.key);
            }
            return Ok(writes.iter().map(|_| Ok(())).collect());
        }
        self.inner.remember(writes).await
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        self.inner.recall(query).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        self.inner.forget_session(tenant, session).await
    }
}

soma_core::opaque_debug!(LyingMemory<M>);
