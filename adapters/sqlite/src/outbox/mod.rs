//! The port `Outbox`: messages that commits left to be published.

pub(crate) mod dead;
pub(crate) mod enqueue;
mod read;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use soma_core::ids::TenantId;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::outbox::{OutboxDepth, Settlement};
use soma_core::ports::{Outbox, PortResult};
use soma_core::work::lease::Resource;

use crate::columns::platform;
use crate::database::{Database, Durability, SqlError};
use crate::leases;

/// Keeps messages in the database until they are published.
#[derive(Clone, Debug)]
pub struct SqliteOutbox {
    database: Arc<Database>,
}

impl SqliteOutbox {
    /// The outbox in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Outbox for SqliteOutbox {
    async fn read(&self, lanes: &[Lane], after: u64, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let lanes = lanes.to_vec();
        self.database.read(move |c| read::oldest(c, &lanes, after, limit)).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> PortResult<Vec<bool>> {
        let settlements = settlements.to_vec();
        let mut rows = settlements.iter().flat_map(|settlement| &settlement.rows);
        // What is published twice after a loss of power is gated by every consumer.
        let durability = if rows.all(|row| row.dead.is_empty()) {
            Durability::Relaxed
        } else {
            Durability::Full
        };
        let job = move |connection: &Connection| {
            let platform = platform()?;
            settlements.iter().map(|one| settle(connection, one, &platform)).collect()
        };
        self.database.write(durability, job).await
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        self.database.read(read::depth).await
    }
}

/// Answers whether the lease holds; then its rows are gone.
fn settle(
    connection: &Connection,
    settlement: &Settlement,
    platform: &TenantId,
) -> Result<bool, SqlError> {
    let Resource::Lane(lane) = settlement.lease.resource else { return Ok(false) };
    if leases::position(connection, &settlement.lease)?.is_none() {
        return Ok(false);
    }
    let mut delete = connection.prepare_cached("DELETE FROM outbox WHERE id = ?1 AND lane = ?2")?;
    for row in &settlement.rows {
        if delete.execute(params![row.id, lane.0])? > 0 {
            row.dead.iter().try_for_each(|letter| dead::keep(connection, letter, platform))?;
        }
    }
    Ok(true)
}
