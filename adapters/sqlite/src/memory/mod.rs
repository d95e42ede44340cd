//! Memory by full-text search: FTS5 finds what has the words, and the rules of
//! [`soma_core::memory::rank`] order it.

mod candidates;
mod remember;
mod scope;
mod search;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Clock, Memory, PortResult};

use crate::database::{Database, Durability};

/// [`Memory`] in the database.
///
/// Its writes are relaxed: what is to be remembered or forgotten waits in a queue in the same file, whose
/// writes are one sequence. A loss of power that takes a memory takes the settling of its row in the
/// queue too, and it is remembered again.
pub struct SqliteMemory {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl SqliteMemory {
    /// The memory of a database; what it remembers ages by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

#[async_trait]
impl Memory for SqliteMemory {
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>> {
        let entries: Vec<_> = writes.iter().map(remember::Entry::of).collect();
        let put = move |connection: &_| entries.iter().try_for_each(|entry| entry.put(connection));
        self.database.write(Durability::Relaxed, put).await?;
        Ok(writes.iter().map(|_| Ok(())).collect())
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let (query, now) = (query.clone(), self.clock.now());
        self.database.read(move |connection| search::recall(connection, &query, now)).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let tenant = tenant.clone();
        let job = move |connection: &_| remember::forget(connection, &tenant, session);
        self.database.write(Durability::Relaxed, job).await
    }
}

soma_core::opaque_debug!(SqliteMemory);
