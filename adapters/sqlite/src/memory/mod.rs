//! Memory by full-text search: FTS5 finds what has the words, and the rules of
//! [`soma_inproc::memory::rank`] order it.

mod remember;
mod search;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryHit, MemoryWrite, RecallQuery};
use soma_core::ports::{Clock, Memory, PortResult};

use crate::database::{Database, Durability};

/// [`Memory`] in the database.
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
    async fn remember(&self, write: &MemoryWrite) -> PortResult<()> {
        let entry = remember::Entry::of(write);
        self.database.write(Durability::Full, move |connection| entry.put(connection)).await
    }

    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>> {
        let (query, now) = (query.clone(), self.clock.now());
        self.database.read(move |connection| search::recall(connection, &query, now)).await
    }

    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()> {
        let tenant = tenant.clone();
        let job = move |connection: &_| remember::forget(connection, &tenant, session);
        self.database.write(Durability::Full, job).await
    }
}

/// The word that stands for a tenant in the index: one token, whatever the tenant's name.
fn scope(tenant: &TenantId) -> String {
    let digest = soma_core::digest::Digest32::of(tenant.as_str().as_bytes()).to_string();
    format!("t{}", &digest[..16])
}

soma_core::opaque_debug!(SqliteMemory);
