//! The port `Leases`: who reads which partition or lane, and from where.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::digest::Digest32;
use soma_core::ids::OwnerId;
use soma_core::ports::leases::Renewed;
use soma_core::ports::{Clock, Leases, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{Member, PartitionLease, Resource};

use crate::database::{Database, Durability, SqlError};
use crate::log;
use crate::log::table::Place;

/// Shares partitions and lanes out among those who have the database open: tasks of one process,
/// so that a loss of power leaves no holder, and no lease need survive it.
#[derive(Clone)]
pub struct SqliteLeases {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl SqliteLeases {
    /// The leases in `database`, which end by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

#[async_trait]
impl Leases for SqliteLeases {
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        let (member, leases, now) = (member.clone(), leases.to_vec(), self.clock.now());
        let until = now + ttl;
        let renewed = move |c: &Connection| {
            let members = live(c, &member, now, until)?;
            let held =
                leases.iter().map(|lease| renew(c, lease, until)).collect::<Result<_, _>>()?;
            Ok(Renewed { held, members })
        };
        self.database.write(Durability::Relaxed, renewed).await
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let (resources, now) = (resources.to_vec(), self.clock.now());
        let until = now + ttl;
        let acquired = move |c: &Connection| {
            let tried = resources.iter().map(|resource| acquire(c, resource, owner, now, until));
            tried.filter_map(Result::transpose).take(most).collect()
        };
        self.database.write(Durability::Relaxed, acquired).await
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        let leases = leases.to_vec();
        self.database.write(Durability::Relaxed, move |c| release(c, &leases)).await
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        let (member, leases) = (member.clone(), leases.to_vec());
        let left = move |c: &Connection| {
            leave(c, &member)?;
            release(c, &leases)
        };
        self.database.write(Durability::Relaxed, left).await
    }
}

soma_core::opaque_debug!(SqliteLeases);

fn acquire(
    connection: &Connection,
    resource: &Resource,
    owner: OwnerId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<PartitionLease>, SqlError> {
    let lease = |row: &Row<'_>| {
        let (epoch, next_offset) = (row.get(0)?, row.get(1)?);
        let last = row.get::<_, Option<[u8; 32]>>(2)?.map(Digest32);
        Ok(PartitionLease { resource: resource.clone(), owner, epoch, next_offset, last })
    };
    let taken = connection
        .prepare_cached(
            "INSERT INTO leases (resource, owner, epoch, until) VALUES (?1, ?2, 1, ?4)
             ON CONFLICT (resource) DO UPDATE SET
                 owner = excluded.owner, epoch = epoch + 1, until = excluded.until
              WHERE owner IS NULL OR owner = excluded.owner OR until <= ?3
             RETURNING epoch, next_offset, last_record",
        )?
        .query_row(
            params![resource.to_string(), owner.as_uuid(), now.as_micros(), until.as_micros()],
            lease,
        )
        .optional()?;
    Ok(taken)
}

fn renew(
    connection: &Connection,
    lease: &PartitionLease,
    until: Timestamp,
) -> Result<bool, SqlError> {
    let kept = connection
        .prepare_cached(
            "UPDATE leases SET until = ?4 WHERE resource = ?1 AND owner = ?2 AND epoch = ?3",
        )?
        .execute(params![
            lease.resource.to_string(),
            lease.owner.as_uuid(),
            lease.epoch,
            until.as_micros()
        ])?;
    Ok(kept > 0)
}

fn release(connection: &Connection, leases: &[PartitionLease]) -> Result<(), SqlError> {
    let mut released = connection.prepare_cached(
        "UPDATE leases SET owner = NULL, until = 0
          WHERE resource = ?1 AND owner = ?2 AND epoch = ?3",
    )?;
    for lease in leases {
        let (resource, owner) = (lease.resource.to_string(), lease.owner.as_uuid());
        released.execute(params![resource, owner, lease.epoch])?;
    }
    Ok(())
}

/// Says that a member is alive. Returns how many of its group are.
fn live(
    connection: &Connection,
    Member { group, owner }: &Member,
    now: Timestamp,
    until: Timestamp,
) -> Result<usize, SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO members (member_group, member, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (member_group, member) DO UPDATE SET until = excluded.until",
        )?
        .execute(params![group, owner.as_uuid(), until.as_micros()])?;
    connection
        .prepare_cached("DELETE FROM members WHERE member_group = ?1 AND until <= ?2")?
        .execute(params![group, now.as_micros()])?;
    let count = connection
        .prepare_cached("SELECT count(*) FROM members WHERE member_group = ?1")?
        .query_row([group], |row| row.get(0))?;
    Ok(count)
}

fn leave(connection: &Connection, Member { group, owner }: &Member) -> Result<(), SqlError> {
    connection
        .prepare_cached("DELETE FROM members WHERE member_group = ?1 AND member = ?2")?
        .execute(params![group, owner.as_uuid()])?;
    Ok(())
}

/// The position of a lease that is still held: none if it was released or taken over.
pub(crate) fn position(
    connection: &Connection,
    lease: &PartitionLease,
) -> Result<Option<u64>, SqlError> {
    let position = connection
        .prepare_cached(
            "SELECT next_offset FROM leases WHERE resource = ?1 AND owner = ?2 AND epoch = ?3",
        )?
        .query_row(params![lease.resource.to_string(), lease.owner.as_uuid(), lease.epoch], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(position)
}

/// Moves the position from where the batch begins to where it ends: its fence.
pub(crate) fn advance<T>(
    connection: &Connection,
    batch: &Batch<T>,
) -> Result<BatchOutcome, SqlError> {
    let lease = &batch.lease;
    match position(connection, lease)? {
        Some(at) if at == lease.next_offset => {}
        Some(at) if at >= batch.next_offset => return Ok(BatchOutcome::AlreadyDone),
        Some(_) | None => return Ok(BatchOutcome::Fenced),
    }
    connection
        .prepare_cached("UPDATE leases SET next_offset = ?2, last_record = ?3 WHERE resource = ?1")?
        .execute(params![
            lease.resource.to_string(),
            batch.next_offset,
            batch.last.map(|digest| digest.0)
        ])?;
    if let Resource::Partition { topic, partition, .. } = lease.resource {
        log::table::consumed(connection, Place { topic, partition }, batch.next_offset)?;
    }
    Ok(BatchOutcome::Applied)
}
