//! The port `Replica`: a row for every memory that was written.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use soma_core::ids::{EventId, TenantId};
use soma_core::memory::WalEvent;
use soma_core::ports::{PortResult, Replica};
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
}

#[async_trait]
impl Replica for SqliteReplica {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        self.database.write(Durability::Relaxed, move |c| apply(c, &batch)).await
    }

    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>> {
        let tenant = tenant.clone();
        self.database.read(move |c| find(c, &tenant, event)).await
    }

    async fn count(&self, tenant: &TenantId) -> PortResult<u64> {
        let tenant = tenant.clone();
        self.database.read(move |c| count(c, &tenant)).await
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

fn find(
    connection: &Connection,
    tenant: &TenantId,
    event: EventId,
) -> Result<Option<WalEvent>, SqlError> {
    let stored = connection
        .prepare_cached("SELECT payload FROM memory_replica WHERE tenant = ?1 AND event_id = ?2")?
        .query_row(params![tenant.as_str(), event.as_uuid()], |row| Ok(read_json(row.get_ref(0)?)))
        .optional()?;
    stored.transpose().map_err(|unreadable| SqlError::Row(unreadable.error.into()))
}

fn count(connection: &Connection, tenant: &TenantId) -> Result<u64, SqlError> {
    let count = connection
        .prepare_cached("SELECT count(*) FROM memory_replica WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |row| row.get(0))?;
    Ok(count)
}
