//! The port `MemoryQueue`: memory writes that commits left to be made, and sessions that are to be
//! forgotten.

mod due;
pub(crate) mod enqueue;
pub(crate) mod forgets;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite};
use soma_core::ports::{MemoryQueue, PortResult};
use soma_core::work::lease::{PartitionLease, Resource};
use tokio_postgres::types::ToSql;

use crate::columns::count;
use crate::database::{Database, Query, Scope};
use crate::leases::Named;
use crate::outbox::lane_number;

/// Keeps memory writes in the database until they are made, and forgets. They are due by its clock.
#[derive(Clone, Debug)]
pub struct PostgresMemoryQueue {
    database: Arc<Database>,
}

impl PostgresMemoryQueue {
    /// The queue in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl MemoryQueue for PostgresMemoryQueue {
    async fn due(&self, lanes: &[PartitionLease], limit: usize) -> PortResult<Vec<DueWrite>> {
        Ok(due::due(&self.database, &Lanes::of(lanes), limit).await?)
    }

    async fn settle(
        &self,
        lanes: &[PartitionLease],
        settlements: &[SettledWrite],
    ) -> PortResult<Vec<bool>> {
        Ok(settle::settle(&self.database, &Lanes::of(lanes), settlements).await?)
    }

    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>> {
        Ok(forgets::due(&self.database, limit).await?)
    }

    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()> {
        Ok(forgets::forgot(&self.database, forget, again_after).await?)
    }

    async fn backlog(&self) -> PortResult<u64> {
        let backlog = Query::new(
            "SELECT (SELECT count(*) FROM memory_write_outbox)
                  + (SELECT count(*) FROM memory_forgets)",
            Vec::new(),
        );
        let rows = self.database.rows(Scope::platform(), backlog).await?;
        Ok(rows.first().map_or(Ok(0), |row| count(row, 0))?)
    }
}

/// Leases of lanes of this queue, as columns: `$1` to `$4` of each statement that asks which of them
/// hold.
struct Lanes {
    leases: Named,
    numbers: Vec<i16>,
}

impl Lanes {
    fn of(leases: &[PartitionLease]) -> Self {
        let lanes = leases.iter().filter_map(|lease| match lease.resource {
            Resource::MemoryLane(lane) => Some((lease, lane_number(lane))),
            Resource::Partition { .. } | Resource::Lane(_) => None,
        });
        let (leases, numbers): (Vec<_>, _) = lanes.unzip();
        Self { leases: Named::of(leases), numbers }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let Named { resources, owners, epochs } = &self.leases;
        vec![resources, owners, epochs, &self.numbers]
    }
}
