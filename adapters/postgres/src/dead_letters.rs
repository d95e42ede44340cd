//! The port `DeadLetters`: the table `dlq`.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::memory::MemoryWrite;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::redrive::Redrive;
use soma_core::outbox::topic::Topic;
use soma_core::ports::dead_letters::{KeptLetter, LetterDepth, LetterRange, Redriven};
use soma_core::ports::{DeadLetters, PortResult};
use soma_core::time::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{count, limit, number, platform, tenant, timestamp};
use crate::database::{Database, Query, Scope, SqlError, Unit};
use crate::erasing;
use crate::memory_queue::enqueue::NewWrites;
use crate::outbox::enqueue::NewRows;

/// [`DeadLetters`] in the database. Letters of a topic that this build does not know are left to the
/// build that does.
#[derive(Clone, Debug)]
pub struct PostgresDeadLetters {
    database: Arc<Database>,
}

impl PostgresDeadLetters {
    /// The letters in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    async fn list(
        &self,
        topic: Option<Topic>,
        range: LetterRange,
        rows: usize,
    ) -> Result<Vec<KeptLetter>, SqlError> {
        let (topics, rows) = (known(), limit(rows));
        let topic = topic.map(Topic::as_str);
        let place = match range {
            LetterRange::After(place) => number(place),
            LetterRange::Before(place) => place.map_or(i64::MAX, number),
        };
        let query = match (&topic, range) {
            (None, LetterRange::After(_)) => Query::new(
                "SELECT id, letter_id, tenant, topic, partition, position, key, event, error,
                        created_at, origin
                   FROM dlq WHERE topic = ANY ($1) AND id > $2 ORDER BY id LIMIT $3",
                vec![&topics, &place, &rows],
            ),
            (None, LetterRange::Before(_)) => Query::new(
                "SELECT id, letter_id, tenant, topic, partition, position, key, event, error,
                        created_at, origin
                   FROM dlq WHERE topic = ANY ($1) AND id < $2 ORDER BY id DESC LIMIT $3",
                vec![&topics, &place, &rows],
            ),
            (Some(topic), LetterRange::After(_)) => Query::new(
                "SELECT id, letter_id, tenant, topic, partition, position, key, event, error,
                        created_at, origin
                   FROM dlq WHERE topic = $1 AND id > $2 ORDER BY id LIMIT $3",
                vec![topic, &place, &rows],
            ),
            (Some(topic), LetterRange::Before(_)) => Query::new(
                "SELECT id, letter_id, tenant, topic, partition, position, key, event, error,
                        created_at, origin
                   FROM dlq WHERE topic = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                vec![topic, &place, &rows],
            ),
        };
        self.database.rows(Scope::platform(), query).await?.iter().map(kept).collect()
    }

    async fn find(&self, id: Uuid) -> Result<Option<KeptLetter>, SqlError> {
        let topics = known();
        let query = Query::new(
            "SELECT id, letter_id, tenant, topic, partition, position, key, event, error, created_at,
                    origin
               FROM dlq WHERE letter_id = $1 AND topic = ANY ($2)",
            vec![&id, &topics],
        );
        self.database.rows(Scope::platform(), query).await?.first().map(kept).transpose()
    }

    async fn redrive(&self, ids: &[Uuid], at: Timestamp) -> Result<Vec<Redriven>, SqlError> {
        let (named, topics) = (ids.to_vec(), known());
        // Whoever redrives or drops the same locks them in the same order.
        let lock = Query::new(
            "SELECT id, letter_id, tenant, topic, partition, position, key, event, error, created_at,
                    origin
               FROM dlq WHERE letter_id = ANY ($1) AND topic = ANY ($2) ORDER BY id FOR UPDATE",
            vec![&named, &topics],
        );
        let mut unit = self.database.unit(Scope::platform()).await?;
        let [_, found] = unit.run([erasing::hold_off(), lock]).await?;
        let found = found.iter().map(kept).collect::<Result<Vec<_>, _>>()?;

        let mut outcomes = vec![Redriven::Gone; ids.len()];
        let mut again = Again::default();
        for letter in &found {
            let redriven = again.add(letter, at)?;
            let asked = ids.iter().position(|id| *id == letter.id);
            if let Some(outcome) = asked.and_then(|asked| outcomes.get_mut(asked)) {
                *outcome = redriven;
            }
        }
        again.commit(unit).await?;
        Ok(outcomes)
    }

    async fn drop_letters(&self, ids: &[Uuid]) -> Result<Vec<bool>, SqlError> {
        let named = ids.to_vec();
        let delete = Query::new(
            "WITH locked AS MATERIALIZED (
                 SELECT id FROM dlq WHERE letter_id = ANY ($1) ORDER BY id FOR UPDATE)
             DELETE FROM dlq AS d USING locked WHERE d.id = locked.id RETURNING d.letter_id",
            vec![&named],
        );
        let unit = self.database.unit(Scope::platform()).await?;
        let [_, deleted] = unit.commit([erasing::hold_off(), delete]).await?;
        let mut left =
            deleted.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Uuid>, _>>()?;
        let dropped = ids.iter().map(|id| {
            let place = left.iter().position(|deleted| deleted == id);
            place.map(|place| left.swap_remove(place)).is_some()
        });
        Ok(dropped.collect())
    }

    async fn depth(&self) -> Result<Vec<LetterDepth>, SqlError> {
        let topics = known();
        let query = Query::new(
            "SELECT topic, count(*), min(created_at) FROM dlq WHERE topic = ANY ($1) GROUP BY topic",
            vec![&topics],
        );
        let rows = self.database.rows(Scope::platform(), query).await?;
        let depth = |row: &Row| {
            let (topic, letters, oldest) = (topic(row, 0)?, count(row, 1)?, timestamp(row, 2)?);
            Ok(LetterDepth { topic, letters, oldest })
        };
        rows.iter().map(depth).collect()
    }
}

#[async_trait]
impl DeadLetters for PostgresDeadLetters {
    async fn list(
        &self,
        topic: Option<Topic>,
        range: LetterRange,
        limit: usize,
    ) -> PortResult<Vec<KeptLetter>> {
        Ok(self.list(topic, range, limit).await?)
    }

    async fn letter(&self, id: Uuid) -> PortResult<Option<KeptLetter>> {
        Ok(self.find(id).await?)
    }

    async fn redrive(&self, ids: &[Uuid], at: Timestamp) -> PortResult<Vec<Redriven>> {
        Ok(self.redrive(ids, at).await?)
    }

    async fn drop_letters(&self, ids: &[Uuid]) -> PortResult<Vec<bool>> {
        Ok(self.drop_letters(ids).await?)
    }

    async fn depth(&self) -> PortResult<Vec<LetterDepth>> {
        Ok(self.depth().await?)
    }
}

/// What letters become that are redriven together.
#[derive(Default)]
struct Again {
    gone: Vec<i64>,
    messages: NewRows,
    writes: Vec<MemoryWrite>,
}

impl Again {
    fn add(&mut self, kept: &KeptLetter, at: Timestamp) -> Result<Redriven, SqlError> {
        match kept.letter.redrive(&platform()?) {
            Ok(Redrive::Publish(message)) => self.messages.enqueue(&message, at),
            Ok(Redrive::Remember(write)) => self.writes.push(write),
            Err(reason) => return Ok(Redriven::Refused(reason)),
        }
        self.gone.push(number(kept.place));
        Ok(Redriven::Done)
    }

    async fn commit(&self, unit: Unit) -> Result<(), SqlError> {
        let mut writes = NewWrites::default();
        self.writes.iter().for_each(|write| writes.put(write, None));
        let columns = writes.columns()?;
        let mut queries = vec![Query::new("DELETE FROM dlq WHERE id = ANY ($1)", vec![&self.gone])];
        queries.extend(self.messages.insert());
        queries.extend(columns.as_ref().map(|columns| columns.insert()));
        unit.commit(queries).await?;
        Ok(())
    }
}

/// The topics of this build.
fn known() -> Vec<&'static str> {
    Topic::ALL.iter().map(|topic| topic.as_str()).collect()
}

fn topic(row: &Row, column: usize) -> Result<Topic, SqlError> {
    let text: &str = row.try_get(column)?;
    Topic::parse(text).ok_or_else(|| SqlError::Row(format!("unknown topic: {text}").into()))
}

fn kept(row: &Row) -> Result<KeptLetter, SqlError> {
    let text = |column: usize| {
        let bytes: &[u8] = row.try_get(column)?;
        Ok::<_, SqlError>(String::from_utf8_lossy(bytes).into_owned())
    };
    let nobody = platform()?;
    let partition: Option<i32> = row.try_get(4)?;
    let offset: Option<i64> = row.try_get(5)?;
    let origin: Option<&[u8]> = row.try_get(10)?;
    let letter = DeadLetter {
        topic: topic(row, 3)?,
        partition: partition.and_then(|partition| u32::try_from(partition).ok()),
        offset: offset.and_then(|offset| u64::try_from(offset).ok()),
        key: text(6)?,
        // The platform answers for those that named no tenant.
        tenant: Some(tenant(row, 2)?).filter(|tenant| *tenant != nobody),
        payload: text(7)?,
        error: text(8)?,
        at: timestamp(row, 9)?,
        // What a later build tells is not told to this one.
        origin: origin.and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default(),
    };
    Ok(KeptLetter { place: count(row, 0)?, id: row.try_get(1)?, letter })
}
