//! The port `MemoryQueue`: memory writes that commits left to be made, and sessions that are to be
//! forgotten.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::observe::{self, SetAside};
use soma_core::outbox::dead::{DeadLetter, Origin};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite, WriteOutcome};
use soma_core::ports::{Clock, MemoryQueue, PortResult};
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use soma_core::work::lease::{PartitionLease, Resource};

use crate::columns::{lane_set, limit, platform, read_json, trace};
use crate::database::{Database, Durability, SqlError};
use crate::forgets;
use crate::leases;
use crate::outbox::dead;
use crate::outbox::enqueue::enqueue;

/// Keeps memory writes in the database until they are made, and forgets. Both are idempotent, so what
/// a loss of power takes back is only made again.
#[derive(Clone)]
pub struct SqliteMemoryQueue {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl SqliteMemoryQueue {
    /// The queue in `database`, whose writes are due by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

soma_core::opaque_debug!(SqliteMemoryQueue);

#[async_trait]
impl MemoryQueue for SqliteMemoryQueue {
    async fn due(&self, lanes: &[PartitionLease], limit: usize) -> PortResult<Vec<DueWrite>> {
        let (lanes, now) = (lanes.to_vec(), self.clock.now());
        let rows = self.database.read(move |c| due(c, &lanes, now, limit)).await?;
        let mut writes = Vec::with_capacity(rows.len());
        let mut unreadable = Vec::new();
        for row in rows {
            match row {
                Ok(write) => writes.push(write),
                Err(row) => unreadable.push(row),
            }
        }
        if !unreadable.is_empty() {
            let set_aside =
                move |c: &Connection| unreadable.iter().try_for_each(|row| set_aside(c, row));
            self.database.write(Durability::Full, set_aside).await?;
        }
        Ok(writes)
    }

    async fn settle(
        &self,
        lanes: &[PartitionLease],
        settlements: &[SettledWrite],
    ) -> PortResult<Vec<bool>> {
        let (lanes, settlements) = (lanes.to_vec(), settlements.to_vec());
        let now = self.clock.now();
        let refused = |one: &SettledWrite| matches!(one.outcome, WriteOutcome::Refused(_));
        let any_refused = settlements.iter().any(refused);
        let durability = if any_refused { Durability::Full } else { Durability::Relaxed };
        let settle = move |c: &Connection| {
            let lanes = held(c, &lanes)?;
            let settled = settlements.iter().map(|one| settle(c, &lanes, one, now));
            settled.collect()
        };
        self.database.write(durability, settle).await
    }

    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>> {
        let now = self.clock.now();
        self.database.read(move |c| forgets::due(c, now, limit)).await
    }

    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()> {
        let again_at = again_after.map(|span| self.clock.now() + span);
        let forget = forget.clone();
        self.database
            .write(Durability::Relaxed, move |c| forgets::forgot(c, &forget, again_at))
            .await
    }

    async fn backlog(&self) -> PortResult<u64> {
        self.database.read(backlog).await
    }
}

/// Queues a write; one with its key that is queued already is overwritten.
pub(crate) fn put(
    connection: &Connection,
    write: &MemoryWrite,
    trace: Option<&TraceContext>,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO memory_write_outbox (tenant, session_id, key, lane, due_at, payload,
                                              traceparent, tracestate)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7)
             ON CONFLICT (tenant, key) DO UPDATE SET
                 session_id = excluded.session_id, version = version + 1, tries = 0, due_at = 0,
                 payload = excluded.payload, traceparent = excluded.traceparent,
                 tracestate = excluded.tracestate",
        )?
        .execute(params![
            write.tenant.as_str(),
            write.session_id.as_uuid(),
            write.key,
            Lane::of(&write.key).0,
            serde_json::to_string(write)?,
            trace.map(TraceContext::traceparent),
            trace.and_then(TraceContext::tracestate),
        ])?;
    Ok(())
}

/// Works out the lane of each row that has none.
pub(crate) fn assign_lanes(connection: &Connection) -> rusqlite::Result<()> {
    let mut rows =
        connection.prepare("SELECT id, key FROM memory_write_outbox WHERE lane IS NULL")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
    let mut assign =
        connection.prepare("UPDATE memory_write_outbox SET lane = ?2 WHERE id = ?1")?;
    for (id, key) in rows {
        assign.execute(params![id, Lane::of(&key).0])?;
    }
    Ok(())
}

/// The lanes of those leases that nobody took over.
fn held(connection: &Connection, leases: &[PartitionLease]) -> Result<Vec<Lane>, SqlError> {
    let mut lanes = Vec::with_capacity(leases.len());
    for lease in leases {
        if let Resource::MemoryLane(lane) = lease.resource
            && leases::position(connection, lease)?.is_some()
        {
            lanes.push(lane);
        }
    }
    Ok(lanes)
}

/// A row that cannot be read.
struct Unreadable {
    id: u64,
    version: u64,
    letter: DeadLetter,
}

/// The rows that are due in the lanes that are held.
fn due(
    connection: &Connection,
    leases: &[PartitionLease],
    now: Timestamp,
    count: usize,
) -> Result<Vec<Result<DueWrite, Unreadable>>, SqlError> {
    let lanes = lane_set(&held(connection, leases)?);
    connection
        .prepare_cached(
            "SELECT id, version, tries, payload, tenant, session_id, traceparent, tracestate
               FROM memory_write_outbox
              WHERE id IN (SELECT id FROM memory_write_outbox INDEXED BY memory_write_outbox_due
                            WHERE due_at <= ?1 AND (?2 >> lane) & 1 ORDER BY id LIMIT ?3)
              ORDER BY id",
        )?
        .query_and_then(params![now.as_micros(), lanes, limit(count)], |row| read(row, now))?
        .collect()
}

/// The write of a row, or its dead letter if it cannot be read.
fn read(row: &Row<'_>, at: Timestamp) -> Result<Result<DueWrite, Unreadable>, SqlError> {
    let unreadable = match read_json(row.get_ref(3)?) {
        Ok(write) => {
            let (id, version, tries) = (row.get(0)?, row.get(1)?, row.get::<_, u32>(2)? + 1);
            let trace = trace(row, 6)?;
            return Ok(Ok(DueWrite { id, version, tries, write, trace }));
        }
        Err(unreadable) => unreadable,
    };
    let letter = DeadLetter {
        topic: Topic::MemoryWal,
        partition: None,
        offset: None,
        key: SessionId::from_uuid(row.get(5)?).to_string(),
        tenant: Some(TenantId::new(row.get::<_, String>(4)?)?),
        payload: unreadable.raw,
        error: format!("the memory cannot be read: {}", unreadable.error),
        at,
        origin: Origin::State,
    };
    Ok(Err(Unreadable { id: row.get(0)?, version: row.get(1)?, letter }))
}

/// Keeps a row that cannot be read as a dead letter: it would stop every other.
fn set_aside(connection: &Connection, row: &Unreadable) -> Result<(), SqlError> {
    if delete(connection, row.id, row.version)?.is_some() {
        dead::keep(connection, &row.letter, &platform()?)?;
        observe::dead_letter(&row.letter, SetAside::Unreadable);
    }
    Ok(())
}

/// Settles one write. Returns whether it was settled.
fn settle(
    connection: &Connection,
    lanes: &[Lane],
    settlement: &SettledWrite,
    now: Timestamp,
) -> Result<bool, SqlError> {
    let SettledWrite { due, outcome } = settlement;
    if !lanes.contains(&Lane::of(&due.write.key)) {
        return Ok(false);
    }
    if let WriteOutcome::PutOff(span) = outcome {
        return put_off(connection, due, now + *span);
    }
    let Some(deleted) = delete(connection, due.id, due.version)? else { return Ok(false) };
    match outcome {
        WriteOutcome::Made(at) => {
            let wal = WalEvent::new(due.write.clone(), *at);
            enqueue(connection, &wire::memory_written(&wal, deleted.trace), *at)?;
        }
        WriteOutcome::Refused(letter) => dead::keep(connection, letter, &due.write.tenant)?,
        WriteOutcome::PutOff(_) => {}
    }
    Ok(true)
}

fn put_off(connection: &Connection, due: &DueWrite, until: Timestamp) -> Result<bool, SqlError> {
    let moved = connection
        .prepare_cached(
            "UPDATE memory_write_outbox SET due_at = ?3, tries = ?4
              WHERE id = ?1 AND version = ?2",
        )?
        .execute(params![due.id, due.version, until.as_micros(), due.tries])?;
    Ok(moved > 0)
}

/// A row that is gone.
struct Deleted {
    /// The trace that it belonged to.
    trace: Option<TraceContext>,
}

/// Deletes a row, unless it was replaced.
fn delete(connection: &Connection, id: u64, version: u64) -> Result<Option<Deleted>, SqlError> {
    connection
        .prepare_cached(
            "DELETE FROM memory_write_outbox WHERE id = ?1 AND version = ?2
             RETURNING traceparent, tracestate",
        )?
        .query_and_then(params![id, version], |row| Ok(Deleted { trace: trace(row, 0)? }))?
        .next()
        .transpose()
}

fn backlog(connection: &Connection) -> Result<u64, SqlError> {
    let count = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM memory_write_outbox)
                  + (SELECT count(*) FROM memory_forgets)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(count)
}
