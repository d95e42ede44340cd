//! The truth, read and changed.

use std::cmp::Reverse;

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, SessionId, TenantId, TurnId};
use soma_core::ports::{PortResult, Store};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome};
use soma_core::work::session::{EventRange, Session, TurnRecord};

use super::InprocLedger;
use super::conversation::Call;

#[async_trait]
impl Store for InprocLedger {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        Ok(self.state().commit(commit))
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        Ok(self.state().conversation(tenant, session).map(|found| found.session.clone()))
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        let place = |session: &Session| Reverse((session.updated_at, session.session_id));
        let state = self.state();
        let sessions = state.conversations.values().map(|conversation| &conversation.session);
        let mut page = sessions
            .filter(|session| session.tenant == *tenant)
            .filter(|session| after.is_none_or(|last| place(session) > Reverse(last)))
            .collect::<Vec<_>>();
        page.sort_by_key(|session| place(session));
        Ok(page.into_iter().take(limit).cloned().collect())
    }

    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>> {
        let state = self.state();
        let head = |(tenant, session): &(TenantId, SessionId)| {
            state.conversation(tenant, *session).map(|found| found.session.chain.count)
        };
        Ok(sessions.iter().map(head).collect())
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        let state = self.state();
        let conversation = state.conversation(tenant, session);
        Ok(conversation.map(|found| found.events_in(range, limit)).unwrap_or_default())
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        let state = self.state();
        let session = state.session_of_turn.get(&turn);
        let conversation = session.and_then(|session| state.conversations.get(session));
        Ok(conversation.and_then(|found| found.turn_record(turn)))
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        let state = self.state();
        let calls = state.conversations.get(&session).map_or(&[][..], |found| &found.calls);
        let open = calls.iter().filter(|call| call.is_open());
        Ok(open.map(|call| call.record.clone()).collect())
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        let state = self.state();
        let session = state.session_of_call.get(&call);
        let calls = session.and_then(|session| state.conversations.get(session));
        let found = calls.and_then(|found| found.call(call));
        Ok(found.map(|Call { record, .. }| record.clone()))
    }

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        Ok(self.state().erase(tenant, session, at))
    }
}
