//! The port `Work`: the queues of turns and tool calls.

mod claim;
mod ingest;
mod overdue;
pub(crate) mod ready;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::OwnerId;
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::ports::{PortResult, Work};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{BatchOutcome, WorkBatch};

use crate::database::{Database, Durability};

/// Hands out the work that is in the database.
///
/// Its writes are relaxed: a loss of power takes the whole process with it, so a claim or a position
/// that goes back has nobody left to contradict it, and its effects go back with it.
#[derive(Clone, Debug)]
pub struct SqliteWork {
    database: Arc<Database>,
}

impl SqliteWork {
    /// The queues in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
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
        before: Timestamp,
        limit: usize,
    ) -> PortResult<usize> {
        self.database
            .write(Durability::Relaxed, move |c| overdue::recover(c, kind, before, limit))
            .await
    }

    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>> {
        let wanted = claim::Wanted { kind, owner, now, until: now + ttl, tenant_cap };
        self.database.write(Durability::Relaxed, move |c| claim::claim(c, &wanted)).await
    }

    async fn heartbeat(
        &self,
        claim: &Claim,
        now: Timestamp,
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        let claim = claim.clone();
        self.database
            .write(Durability::Relaxed, move |c| claim::heartbeat(c, &claim, now + ttl))
            .await
    }

    async fn release(
        &self,
        claim: &Claim,
        how: Release,
        now: Timestamp,
        delay: Duration,
    ) -> PortResult<()> {
        let claim = claim.clone();
        let ready_at = now + delay;
        self.database
            .write(Durability::Relaxed, move |c| claim::release(c, &claim, how, ready_at))
            .await
    }

    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize> {
        self.database.read(move |c| claim::depth(c, kind, now)).await
    }
}
