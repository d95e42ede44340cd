//! The port `Store`: sessions, their events, and the turns that made them.

mod admission;
mod batch;
pub(crate) mod calls;
mod committer;
mod erase;
mod events;
mod facts;
mod requests;
pub(crate) mod sessions;
pub(crate) mod turns;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::ports::{PortResult, Spawner, Store};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_core::work::session::{EventRange, Session, TurnRecord};
use uuid::Uuid;

use crate::database::{Database, Query, Scope, SqlError};
use committer::Committer;

/// Keeps conversations in the database. What many flows of a process commit within a moment goes into
/// one transaction.
#[derive(Clone)]
pub struct PostgresStore {
    database: Arc<Database>,
    committer: Arc<Committer>,
}

soma_core::opaque_debug!(PostgresStore);

impl PostgresStore {
    /// The store in `database`. Its batches of commits are tasks of `spawner`. One is enough for a
    /// process: each has batches of its own.
    pub fn new(database: Arc<Database>, spawner: Arc<dyn Spawner>) -> Self {
        let committer = Arc::new(Committer::new(Arc::clone(&database), spawner));
        Self { database, committer }
    }

    async fn record(&self, turn: TurnId) -> Result<Option<TurnRecord>, SqlError> {
        let ids: [Uuid; 1] = [*turn.as_uuid()];
        let ids = &ids[..];
        let unit = self.database.unit(Scope::platform()).await?;
        let queries = turns::RECORDS.map(|sql| Query::new(sql, vec![&ids]));
        let [heads, inputs, calls] = unit.commit(queries).await?;
        Ok(turns::records([&heads, &inputs, &calls])?.remove(&turn))
    }

    async fn calls(&self, query: Query<'_>) -> Result<Vec<CallRecord>, SqlError> {
        let rows = self.database.rows(Scope::platform(), query).await?;
        rows.iter().map(calls::read).collect()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        self.committer.commit(commit).await
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        Ok(sessions::visible(&self.database, tenant, session).await?)
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        Ok(sessions::newest(&self.database, tenant, after, limit).await?)
    }

    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>> {
        Ok(sessions::heads(&self.database, sessions).await?)
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        Ok(events::read(&self.database, tenant, session, range, limit).await?)
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        Ok(self.record(turn).await?)
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        let ids = [*session.as_uuid()];
        let ids = &ids[..];
        let query = Query::new(calls::OPEN_OF_SESSIONS, vec![&ids]);
        Ok(self.calls(query).await?)
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        let query = Query::new(calls::FIND, vec![call.as_uuid()]);
        Ok(self.calls(query).await?.pop())
    }

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        Ok(erase::erase(&self.database, tenant, session, at).await?)
    }
}
