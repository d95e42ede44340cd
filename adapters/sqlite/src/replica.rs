//! The port `Replica`: a row for every memory that was written.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::ports::{PortResult, Replica};
use soma_core::unreadable::Unreadable;
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch};

use crate::columns::{platform, read_json};
use crate::database::{Database, Durability, SqlError};
use crate::leases;
use crate::outbox::dead;
use crate::pack::packed;

/// Keeps the replica in the database. A batch that a loss of power takes back goes with its
/// position, and is applied again.
#[derive(Clone, Debug)]
pub struct SqliteReplica {
    database: Arc<Database>,
}

impl SqliteReplica {
    /// The replica in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// The rows of a tenant, by the ids of their events: for tests.
    ///
    /// # Errors
    ///
    /// As any read.
    pub async fn rows(&self, tenant: &TenantId) -> PortResult<Vec<WalEvent>> {
        let tenant = tenant.clone();
        self.database.read(move |c| rows(c, &tenant)).await
    }
}

#[async_trait]
impl Replica for SqliteReplica {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        self.database.write(Durability::Relaxed, move |c| apply(c, &batch)).await
    }
}

fn apply(connection: &Connection, batch: &ReplicaBatch) -> Result<BatchOutcome, SqlError> {
    let outcome = leases::advance(connection, batch)?;
    if outcome != BatchOutcome::Applied {
        return Ok(outcome);
    }
    // A session that was erased stays erased, also if its memories were on their way.
    let mut insert = connection.prepare_cached(
        "INSERT INTO memory_replica (tenant, session_id, event_id, written_at, payload)
         SELECT ?1, ?2, ?3, ?4, ?5
          WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE session_id = ?2 AND erased = 1)
         ON CONFLICT (tenant, event_id) DO NOTHING",
    )?;
    for event in &batch.items {
        insert.execute(params![
            event.write.tenant.as_str(),
            event.write.session_id.as_uuid(),
            event.write.event_id.as_uuid(),
            event.written_at.as_micros(),
            packed(&serde_json::to_string(event)?),
        ])?;
    }
    let platform = platform()?;
    batch.dead.iter().try_for_each(|letter| dead::keep(connection, letter, &platform))?;
    Ok(outcome)
}

fn rows(connection: &Connection, tenant: &TenantId) -> Result<Vec<WalEvent>, SqlError> {
    connection
        .prepare_cached("SELECT payload FROM memory_replica WHERE tenant = ?1 ORDER BY event_id")?
        .query_and_then([tenant.as_str()], |row| {
            let unreadable = |unreadable: Unreadable| SqlError::Row(unreadable.error.into());
            read_json(row.get_ref(0)?).map_err(unreadable)
        })?
        .collect()
}
