//! The port `Store`: sessions, their events, turns and calls.

mod admission;
pub(crate) mod calls;
mod commit;
mod erase;
mod events;
mod requests;
pub(crate) mod sessions;
pub(crate) mod turns;

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::ports::{PortResult, Store};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_core::work::session::{EventRange, Session, TurnRecord};

use crate::database::{Database, Durability};

/// Keeps conversations in the database.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    database: Arc<Database>,
}

impl SqliteStore {
    /// The store in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        self.database.write(Durability::Full, |c| commit::apply(c, commit)).await
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        let tenant = tenant.clone();
        self.database.read(move |c| sessions::visible(c, &tenant, session)).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        let tenant = tenant.clone();
        self.database.read(move |c| sessions::newest(c, &tenant, after, limit)).await
    }

    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>> {
        let sessions = sessions.to_vec();
        self.database.read(move |c| sessions::heads(c, &sessions)).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        let tenant = tenant.clone();
        self.database.read(move |c| events::read(c, &tenant, session, range, limit)).await
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        self.database.read(move |c| turns::record(c, turn)).await
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        self.database.read(move |c| calls::open(c, session)).await
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        self.database.read(move |c| calls::find(c, call)).await
    }

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        let tenant = tenant.clone();
        self.database.write(Durability::Full, move |c| erase::erase(c, &tenant, session, at)).await
    }
}
