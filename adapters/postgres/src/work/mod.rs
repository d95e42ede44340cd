//! The port `Work`: the queues of turns and tool calls.

mod backlog;
mod claim;
mod ingest;
mod overdue;
mod owners;
mod queue;
pub(crate) mod ready;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::OwnerId;
use soma_core::ports::work::{Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release};
use soma_core::ports::{PortResult, Work};
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{BatchOutcome, WorkBatch};
use tokio::sync::Mutex;

use crate::database::Database;

/// Hands out the work that is in the database, to whoever asks in whatever process. Owners are alive by
/// the clock of the database.
#[derive(Clone, Debug)]
pub struct PostgresWork {
    database: Arc<Database>,
    /// Held while this process claims work of a kind: who claims holds off all others, and one who
    /// waits in the database keeps a connection from them.
    claiming: Arc<Claiming>,
}

#[derive(Debug, Default)]
struct Claiming {
    turns: Mutex<()>,
    calls: Mutex<()>,
}

impl PostgresWork {
    /// The queues in `database`.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, claiming: Arc::default() }
    }
}

#[async_trait]
impl Work for PostgresWork {
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        Ok(ingest::apply(&self.database, &batch).await?)
    }

    async fn recover_overdue(
        &self,
        kind: WorkKind,
        age: Duration,
        limit: usize,
    ) -> PortResult<usize> {
        Ok(overdue::recover(&self.database, kind, age, limit).await?)
    }

    async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed> {
        let turn = match request.kind {
            WorkKind::Turns => self.claiming.turns.lock(),
            WorkKind::Calls => self.claiming.calls.lock(),
        };
        let _turn = turn.await;
        Ok(claim::claim(&self.database, &request).await?)
    }

    async fn heartbeat(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        holding: &[Holding],
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        Ok(claim::heartbeat(&self.database, (kind, owner), holding, ttl).await?)
    }

    async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()> {
        Ok(claim::release(&self.database, claim, how, delay).await?)
    }

    async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()> {
        Ok(owners::leave(&self.database, kind, owner).await?)
    }

    async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog> {
        Ok(backlog::read(&self.database, kind).await?)
    }

    async fn depth(&self, kind: WorkKind) -> PortResult<usize> {
        Ok(backlog::depth(&self.database, kind).await?)
    }
}
