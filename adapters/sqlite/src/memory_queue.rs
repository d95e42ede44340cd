//! The port `MemoryQueue`: memory writes that commits left to be made, and sessions that are to be
//! forgotten.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use soma_core::ids::{OwnerId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::observe::{self, SetAside};
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite, WriteOutcome};
use soma_core::ports::{Clock, MemoryQueue, PortResult};
use soma_core::time::Timestamp;

use crate::columns::{limit, platform, read_json};
use crate::database::{Database, Durability, SqlError};
use crate::forgets;
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
    /// The queue in `database`, whose holds end by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

soma_core::opaque_debug!(SqliteMemoryQueue);

#[async_trait]
impl MemoryQueue for SqliteMemoryQueue {
    async fn due(&self, owner: OwnerId, hold: Duration, limit: usize) -> PortResult<Vec<DueWrite>> {
        let now = self.clock.now();
        self.database
            .write(Durability::Relaxed, move |c| take_up(c, owner, (now, now + hold), limit))
            .await
    }

    async fn settle(&self, settlements: &[SettledWrite]) -> PortResult<Vec<bool>> {
        let (settlements, now) = (settlements.to_vec(), self.clock.now());
        let refused = |one: &SettledWrite| matches!(one.outcome, WriteOutcome::Refused(_));
        let any_refused = settlements.iter().any(refused);
        let durability = if any_refused { Durability::Full } else { Durability::Relaxed };
        let settle = move |c: &Connection| {
            settlements.iter().map(|settlement| settle(c, settlement, now)).collect()
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

/// Queues a write; one with its key that is queued already is overwritten, and stays held by whoever
/// makes it: were it due at once, the older text could be remembered last.
pub(crate) fn put(connection: &Connection, write: &MemoryWrite) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO memory_write_outbox (tenant, session_id, key, due_at, payload)
             VALUES (?1, ?2, ?3, 0, ?4)
             ON CONFLICT (tenant, key) DO UPDATE SET
                 session_id = excluded.session_id, token = token + 1, tries = 0,
                 due_at = CASE WHEN owner IS NULL THEN 0 ELSE due_at END,
                 payload = excluded.payload",
        )?
        .execute(params![
            write.tenant.as_str(),
            write.session_id.as_uuid(),
            write.key,
            serde_json::to_string(write)?,
        ])?;
    Ok(())
}

fn take_up(
    connection: &Connection,
    owner: OwnerId,
    (now, until): (Timestamp, Timestamp),
    count: usize,
) -> Result<Vec<DueWrite>, SqlError> {
    let ids: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM memory_write_outbox INDEXED BY memory_write_outbox_due
              WHERE due_at <= ?1 ORDER BY id LIMIT ?2",
        )?
        .query_and_then(params![now.as_micros(), limit(count)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut take = connection.prepare_cached(
        "UPDATE memory_write_outbox
            SET token = token + 1, tries = tries + 1, owner = ?2, due_at = ?3
          WHERE id = ?1 RETURNING id, token, tries, payload, tenant, session_id",
    )?;
    let mut due = Vec::with_capacity(ids.len());
    for id in ids {
        let taken = params![id, owner.as_uuid(), until.as_micros()];
        match take.query_row(taken, |row| Ok(read(row, now)))?? {
            Ok(write) => due.push(write),
            Err(letter) => set_aside(connection, id, &letter)?,
        }
    }
    Ok(due)
}

/// The write of a row, or its dead letter if it cannot be read.
fn read(row: &Row<'_>, at: Timestamp) -> Result<Result<DueWrite, DeadLetter>, SqlError> {
    let unreadable = match read_json(row.get_ref(3)?) {
        Ok(write) => {
            let (id, token, tries) = (row.get(0)?, row.get(1)?, row.get(2)?);
            return Ok(Ok(DueWrite { id, token, tries, write }));
        }
        Err(unreadable) => unreadable,
    };
    Ok(Err(DeadLetter {
        topic: Topic::MemoryWal,
        partition: None,
        offset: None,
        key: SessionId::from_uuid(row.get(5)?).to_string(),
        tenant: Some(TenantId::new(row.get::<_, String>(4)?)?),
        payload: unreadable.raw,
        error: format!("the memory cannot be read: {}", unreadable.error),
        at,
    }))
}

/// Keeps a row that cannot be read as a dead letter: it would stop every other.
fn set_aside(connection: &Connection, id: i64, letter: &DeadLetter) -> Result<(), SqlError> {
    connection.prepare_cached("DELETE FROM memory_write_outbox WHERE id = ?1")?.execute([id])?;
    dead::keep(connection, letter, &platform()?)?;
    observe::dead_letter(letter, SetAside::Unreadable);
    Ok(())
}

/// Settles one write; whether it was still its taker's.
fn settle(
    connection: &Connection,
    settlement: &SettledWrite,
    now: Timestamp,
) -> Result<bool, SqlError> {
    let SettledWrite { due, outcome } = settlement;
    if let WriteOutcome::PutOff(span) = outcome {
        return put_off(connection, due, now + *span);
    }
    if !remove(connection, due)? {
        return Ok(false);
    }
    match outcome {
        WriteOutcome::Made(at) => publish(connection, due, *at)?,
        WriteOutcome::Refused(letter) => dead::keep(connection, letter, &due.write.tenant)?,
        WriteOutcome::PutOff(_) => {}
    }
    Ok(true)
}

/// Puts the record of a write that was made into the outbox.
fn publish(connection: &Connection, due: &DueWrite, at: Timestamp) -> Result<(), SqlError> {
    enqueue(connection, &wire::memory_written(&WalEvent::new(due.write.clone(), at)), at)
}

fn put_off(connection: &Connection, due: &DueWrite, until: Timestamp) -> Result<bool, SqlError> {
    let moved = connection
        .prepare_cached(
            "UPDATE memory_write_outbox SET due_at = ?3, owner = NULL
              WHERE id = ?1 AND token = ?2",
        )?
        .execute(params![due.id, due.token, until.as_micros()])?;
    Ok(moved > 0)
}

fn remove(connection: &Connection, due: &DueWrite) -> Result<bool, SqlError> {
    let removed = connection
        .prepare_cached("DELETE FROM memory_write_outbox WHERE id = ?1 AND token = ?2")?
        .execute(params![due.id, due.token])?;
    Ok(removed > 0)
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
