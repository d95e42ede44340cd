//! The port `Outbox`: messages that commits left to be published.

pub(crate) mod dead;
pub(crate) mod enqueue;
mod read;
mod settle;
mod watermark;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::outbox::lane::{LANES, Lane};
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::outbox::{OutboxDepth, Settlement};
use soma_core::ports::{Outbox, PortResult};

use crate::columns::{limit, number};
use crate::database::{Database, Scope, SqlError};

use watermark::Watermark;

// There are fewer lanes than a `smallint` tells apart.
const _: () = assert!(LANES <= i16::MAX as u32);

/// Keeps messages in the database until they are published.
///
/// Clones share what they know of where the outbox begins.
#[derive(Clone, Debug)]
pub struct PostgresOutbox {
    database: Arc<Database>,
    watermark: Arc<Watermark>,
}

impl PostgresOutbox {
    /// The outbox in `database`.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, watermark: Arc::default() }
    }

    async fn oldest(
        &self,
        lanes: &[Lane],
        after: u64,
        count: usize,
    ) -> Result<Vec<OutboxRow>, SqlError> {
        let look = self.watermark.look(lanes);
        let from_low = number(after) <= look.low;
        let (above, count) = (number(after).max(look.low), limit(count));
        let numbers: Vec<i16> = lanes.iter().copied().map(lane_number).collect();
        let mut queries = vec![read::oldest(&above, &numbers, &count)];
        if look.mark {
            queries.extend(watermark::queries());
        }
        let found = self.database.unit(Scope::platform()).await?.commit(queries).await?;
        if let [_, highest, now] = &found[..] {
            self.watermark.marked(highest, now)?;
        }
        let rows = found.first().map(Vec::as_slice).unwrap_or_default();
        if from_low {
            let first = rows.first().map(|row| row.try_get(0)).transpose()?;
            self.watermark.found(lanes, look, first);
        }
        read::pending(rows)
    }

    async fn depth(&self) -> Result<OutboxDepth, SqlError> {
        read::depth_of(&self.database.rows(Scope::platform(), read::depth()).await?)
    }
}

#[async_trait]
impl Outbox for PostgresOutbox {
    async fn read(&self, lanes: &[Lane], after: u64, limit: usize) -> PortResult<Vec<OutboxRow>> {
        if lanes.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        Ok(self.oldest(lanes, after, limit).await?)
    }

    async fn settle(&self, settlements: &[Settlement]) -> PortResult<Vec<bool>> {
        Ok(settle::settle(&self.database, settlements).await?)
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        Ok(self.depth().await?)
    }
}

/// A lane as a column has it.
pub(crate) fn lane_number(lane: Lane) -> i16 {
    i16::try_from(lane.0).unwrap_or(i16::MAX)
}

/// The lane of a key, as a column has it.
pub(crate) fn lane_of(key: &str) -> i16 {
    lane_number(Lane::of(key))
}
