//! The port `Outbox`: messages that commits left to be published.

pub(crate) mod dead;
pub(crate) mod enqueue;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use soma_core::ids::TenantId;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::{Outbox, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::lease::{PartitionLease, Resource};

use crate::columns::{from_json, limit, platform};
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
    async fn lanes(&self) -> PortResult<BTreeSet<Lane>> {
        self.database.read(lanes).await
    }

    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        self.database.read(move |c| oldest(c, lane, limit)).await
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        let (lease, ids) = (lease.clone(), ids.to_vec());
        // What is published twice after a loss of power is gated by every consumer.
        self.database.write(Durability::Relaxed, move |c| settle(c, &lease, &ids)).await
    }

    async fn dead_letter(
        &self,
        lease: &PartitionLease,
        id: u64,
        letter: DeadLetter,
    ) -> PortResult<bool> {
        let lease = lease.clone();
        self.database.write(Durability::Full, move |c| dead_letter(c, &lease, id, &letter)).await
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        self.database.read(depth).await
    }
}

/// A seek per lane, however many rows each has.
fn lanes(connection: &Connection) -> Result<BTreeSet<Lane>, SqlError> {
    let mut following =
        connection.prepare_cached("SELECT min(lane) FROM outbox WHERE lane >= ?1")?;
    let mut lanes = BTreeSet::new();
    let mut from = 0;
    while let Some(lane) = following.query_row([from], |row| row.get::<_, Option<u32>>(0))? {
        lanes.insert(Lane(lane));
        from = lane + 1;
    }
    Ok(lanes)
}

fn oldest(connection: &Connection, lane: Lane, count: usize) -> Result<Vec<OutboxRow>, SqlError> {
    connection
        .prepare_cached(
            "SELECT id, topic, key, kind, tenant, dedupe_key, payload, created_at
               FROM outbox WHERE lane = ?1 ORDER BY id LIMIT ?2",
        )?
        .query_and_then(params![lane.0, limit(count)], |row| pending(row, lane))?
        .collect()
}

fn pending(row: &Row<'_>, lane: Lane) -> Result<OutboxRow, SqlError> {
    let topic: String = row.get(1)?;
    let unknown = || SqlError::Row(format!("unknown topic: {topic}").into());
    Ok(OutboxRow {
        id: row.get(0)?,
        lane,
        message: OutboxMessage {
            topic: Topic::parse(&topic).ok_or_else(unknown)?,
            key: row.get(2)?,
            kind: row.get(3)?,
            tenant: TenantId::new(row.get::<_, String>(4)?)?,
            dedupe_key: row.get(5)?,
            payload: from_json(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?,
            numbered_by: None,
        },
        created_at: Timestamp::from_micros(row.get(7)?),
    })
}

/// The lane, if the lease is one of a lane and still held.
fn held_lane(connection: &Connection, lease: &PartitionLease) -> Result<Option<Lane>, SqlError> {
    let Resource::Lane(lane) = lease.resource else { return Ok(None) };
    Ok(leases::position(connection, lease)?.map(|_| lane))
}

fn settle(connection: &Connection, lease: &PartitionLease, ids: &[u64]) -> Result<bool, SqlError> {
    let Some(lane) = held_lane(connection, lease)? else { return Ok(false) };
    let mut delete = connection.prepare_cached("DELETE FROM outbox WHERE id = ?1 AND lane = ?2")?;
    for id in ids {
        delete.execute(params![id, lane.0])?;
    }
    Ok(true)
}

fn dead_letter(
    connection: &Connection,
    lease: &PartitionLease,
    id: u64,
    letter: &DeadLetter,
) -> Result<bool, SqlError> {
    let Some(lane) = held_lane(connection, lease)? else { return Ok(false) };
    let deleted = connection
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND lane = ?2")?
        .execute(params![id, lane.0])?;
    if deleted > 0 {
        dead::keep(connection, letter, &platform()?)?;
    }
    Ok(true)
}

fn depth(connection: &Connection) -> Result<OutboxDepth, SqlError> {
    let (rows, oldest): (u64, Option<i64>) = connection
        .prepare_cached("SELECT count(*), min(created_at) FROM outbox")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(OutboxDepth { rows, oldest: oldest.map(Timestamp::from_micros) })
}
