//! The port `DeadLetters`: the table `dlq`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};
use soma_core::ids::TenantId;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::redrive::Redrive;
use soma_core::outbox::topic::Topic;
use soma_core::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange, Redriven};
use soma_core::ports::{DeadLetters, PortResult};
use soma_core::time::Timestamp;
use uuid::Uuid;

use crate::columns::platform;
use crate::database::{Database, Durability, SqlError};
use crate::memory_queue;
use crate::outbox::enqueue::enqueue;

/// [`DeadLetters`] in the database. Letters of a topic that this build does not know are left to the
/// build that does.
#[derive(Clone, Debug)]
pub struct SqliteDeadLetters {
    database: Arc<Database>,
}

impl SqliteDeadLetters {
    /// The letters in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DeadLetters for SqliteDeadLetters {
    async fn list(
        &self,
        topic: Option<Topic>,
        range: LetterRange,
        limit: usize,
    ) -> PortResult<Vec<KeptLetter>> {
        self.database.read(move |connection| list(connection, topic, range, limit)).await
    }

    async fn letter(&self, id: Uuid) -> PortResult<Option<KeptLetter>> {
        self.database.read(move |connection| find(connection, id)).await
    }

    async fn redrive(&self, ids: &[Uuid], at: Timestamp) -> PortResult<Vec<Redriven>> {
        let ids = ids.to_vec();
        let job = move |connection: &Connection| redrive(connection, &ids, at);
        self.database.write(Durability::Full, job).await
    }

    async fn drop_letters(&self, ids: &[Uuid]) -> PortResult<Vec<bool>> {
        let ids = ids.to_vec();
        let job = move |connection: &Connection| {
            let mut delete = connection.prepare_cached("DELETE FROM dlq WHERE letter_id = ?1")?;
            ids.iter().map(|id| Ok(delete.execute([id])? > 0)).collect()
        };
        self.database.write(Durability::Full, job).await
    }

    async fn depth(&self) -> PortResult<Vec<LetterDepth>> {
        self.database.read(depth).await
    }
}

fn list(
    connection: &Connection,
    topic: Option<Topic>,
    range: LetterRange,
    limit: usize,
) -> Result<Vec<KeptLetter>, SqlError> {
    let place = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
    match (topic.map(Topic::as_str), range) {
        (None, LetterRange::After(after)) => letters(
            connection,
            "SELECT id, letter_id, tenant, topic, partition, position, key, payload, error, at, origin
               FROM dlq WHERE id > ?1 ORDER BY id",
            [place(after)],
            limit,
        ),
        (None, LetterRange::Before(before)) => letters(
            connection,
            "SELECT id, letter_id, tenant, topic, partition, position, key, payload, error, at, origin
               FROM dlq WHERE id < ?1 ORDER BY id DESC",
            [before.map_or(i64::MAX, place)],
            limit,
        ),
        (Some(topic), LetterRange::After(after)) => letters(
            connection,
            "SELECT id, letter_id, tenant, topic, partition, position, key, payload, error, at, origin
               FROM dlq WHERE topic = ?1 AND id > ?2 ORDER BY id",
            params![topic, place(after)],
            limit,
        ),
        (Some(topic), LetterRange::Before(before)) => letters(
            connection,
            "SELECT id, letter_id, tenant, topic, partition, position, key, payload, error, at, origin
               FROM dlq WHERE topic = ?1 AND id < ?2 ORDER BY id DESC",
            params![topic, before.map_or(i64::MAX, place)],
            limit,
        ),
    }
}

/// At most `limit` letters of known topics: rows are read as they are asked for.
fn letters(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
) -> Result<Vec<KeptLetter>, SqlError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_and_then(params, kept)?;
    rows.filter_map(Result::transpose).take(limit).collect()
}

fn find(connection: &Connection, id: Uuid) -> Result<Option<KeptLetter>, SqlError> {
    let found = connection
        .prepare_cached(
            "SELECT id, letter_id, tenant, topic, partition, position, key, payload, error, at, origin
               FROM dlq WHERE letter_id = ?1",
        )?
        .query_and_then([id], kept)?
        .next()
        .transpose();
    Ok(found?.flatten())
}

/// The letter of a row; none if its topic is of another build.
fn kept(row: &Row<'_>) -> Result<Option<KeptLetter>, SqlError> {
    let Some(topic) = Topic::parse(row.get_ref(3)?.as_str().unwrap_or_default()) else {
        return Ok(None);
    };
    let tenant: Option<String> = row.get(2)?;
    let origin: Option<String> = row.get(10)?;
    let letter = DeadLetter {
        topic,
        partition: row.get(4)?,
        offset: row.get(5)?,
        key: row.get(6)?,
        tenant: tenant.and_then(|tenant| TenantId::new(tenant).ok()),
        payload: row.get(7)?,
        error: row.get(8)?,
        at: Timestamp::from_micros(row.get(9)?),
        // What a later build tells is not told to this one.
        origin: origin.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
    };
    Ok(Some(KeptLetter { place: row.get(0)?, id: row.get(1)?, letter }))
}

/// Redrives letters in the order in which they were kept, and answers in that in which they were asked.
fn redrive(
    connection: &Connection,
    ids: &[Uuid],
    at: Timestamp,
) -> Result<Vec<Redriven>, SqlError> {
    let platform = platform()?;
    let mut letters = BTreeMap::new();
    for (asked, id) in ids.iter().enumerate() {
        if let Some(kept) = find(connection, *id)? {
            letters.entry(kept.place).or_insert((asked, kept.letter));
        }
    }
    let mut outcomes = vec![Redriven::Gone; ids.len()];
    for (place, (asked, letter)) in letters {
        let redriven = redrive_one(connection, place, &letter, &platform, at)?;
        if let Some(outcome) = outcomes.get_mut(asked) {
            *outcome = redriven;
        }
    }
    Ok(outcomes)
}

fn redrive_one(
    connection: &Connection,
    place: u64,
    letter: &DeadLetter,
    platform: &TenantId,
    at: Timestamp,
) -> Result<Redriven, SqlError> {
    match letter.redrive(platform) {
        Ok(Redrive::Publish(message)) => enqueue(connection, &message, at)?,
        Ok(Redrive::Remember(write)) => memory_queue::put(connection, &write, None)?,
        Err(reason) => return Ok(Redriven::Refused(reason)),
    }
    connection.prepare_cached("DELETE FROM dlq WHERE id = ?1")?.execute([place])?;
    Ok(Redriven::Done)
}

fn depth(connection: &Connection) -> Result<Vec<LetterDepth>, SqlError> {
    let mut statement =
        connection.prepare_cached("SELECT topic, count(*), min(at) FROM dlq GROUP BY topic")?;
    let rows = statement.query_and_then([], |row| {
        let topic = Topic::parse(row.get_ref(0)?.as_str().unwrap_or_default());
        let Some(topic) = topic else { return Ok(None) };
        let oldest = Timestamp::from_micros(row.get(2)?);
        Ok(Some(LetterDepth { topic, letters: row.get(1)?, oldest }))
    })?;
    rows.filter_map(Result::transpose).collect()
}
