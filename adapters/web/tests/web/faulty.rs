//! A store that fails when it is told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::ports::{PortError, PortResult, Store};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_core::work::session::{EventRange, Session, TurnRecord};

/// How a store fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Unavailable,
    Ambiguous,
    Broken,
}

/// What a fault says, and no client may read.
pub(crate) const SECRET: &str = "password=hunter2";

/// Fails while it is told to, and else does what the store behind it does.
pub(crate) struct FaultyStore {
    store: Arc<dyn Store>,
    fault: Mutex<Option<Fault>>,
}

impl FaultyStore {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, fault: Mutex::new(None) }
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn check(&self) -> PortResult<()> {
        match *self.fault.lock().unwrap() {
            None => Ok(()),
            Some(Fault::Unavailable) => Err(PortError::Unavailable(SECRET.into())),
            Some(Fault::Ambiguous) => Err(PortError::Ambiguous(SECRET.into())),
            Some(Fault::Broken) => {
                Err(PortError::Broken { what: "reading", source: SECRET.into() })
            }
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        self.check()?;
        self.store.commit(commit).await
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        self.check()?;
        self.store.session(tenant, session).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        self.check()?;
        self.store.sessions(tenant, after, limit).await
    }

    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>> {
        self.check()?;
        self.store.heads(sessions).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        self.check()?;
        self.store.events(tenant, session, range, limit).await
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        self.store.turn(turn).await
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        self.store.open_calls(session).await
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        self.store.call(call).await
    }

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        self.check()?;
        self.store.erase(tenant, session, at).await
    }
}
