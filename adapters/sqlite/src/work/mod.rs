//! The port `Work`: the queues of turns and tool calls.

mod backlog;
mod claim;
mod ingest;
mod overdue;
mod owners;
mod queue;
pub(crate) mod ready;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::OwnerId;
use soma_core::ports::work::{Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release};
use soma_core::ports::{Clock, PortResult, Work};
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{BatchOutcome, WorkBatch};

use crate::database::{Database, Durability};

/// Hands out the work that is in the database.
///
/// Its writes are relaxed: a loss of power takes the whole process with it, so a claim or a position
/// that goes back has nobody left to contradict it, and its effects go back with it.
#[derive(Clone)]
pub struct SqliteWork {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl SqliteWork {
    /// The queues in `database`, whose owners are alive by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

#[async_trait]
impl Work for SqliteWork {
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        self.database.write(Durability::Relaxed, move |c| ingest::apply(c, &batch)).await
    }

    async fn recover_overdue(
        &self,
        kind: WorkKind,
        age: Duration,
        limit: usize,
    ) -> PortResult<usize> {
        let before = self.clock.now() - age;
        let recover = move |c: &_| overdue::recover(c, kind, before, limit);
        self.database.write(Durability::Relaxed, recover).await
    }

    async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed> {
        let now = self.clock.now();
        self.database.write(Durability::Relaxed, move |c| claim::claim(c, &request, now)).await
    }

    async fn heartbeat(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        holding: &[Holding],
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        let (holding, until) = (holding.to_vec(), self.clock.now() + ttl);
        let heartbeat = move |c: &_| claim::heartbeat(c, (kind, owner), &holding, until);
        self.database.write(Durability::Relaxed, heartbeat).await
    }

    async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()> {
        let (claim, ready_at) = (claim.clone(), self.clock.now() + delay);
        let release = move |c: &_| claim::release(c, &claim, how, ready_at);
        self.database.write(Durability::Relaxed, release).await
    }

    async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()> {
        self.database.write(Durability::Relaxed, move |c| owners::leave(c, kind, owner)).await
    }

    async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog> {
        self.database.read(move |c| backlog::read(c, kind)).await
    }

    async fn depth(&self, kind: WorkKind) -> PortResult<usize> {
        let now = self.clock.now();
        self.database.read(move |c| claim::depth(c, kind, now)).await
    }
}

impl fmt::Debug for SqliteWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteWork").finish_non_exhaustive()
    }
}
