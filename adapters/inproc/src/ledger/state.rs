//! Everything the ledger knows.

use std::collections::BTreeMap;

use soma_core::ids::{CallId, EventId, SessionId, TenantId, TurnId};
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_core::time::Timestamp;
use soma_core::work::commit::ClientRequest;

use super::conversation::Conversation;
use super::leases::LeaseTable;
use super::memory_queue::MemoryTable;
use super::outbox::OutboxTable;
use super::owners::OwnerTable;
use super::usage::UsageTable;

/// The tables, and which of them belong to a session.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) conversations: BTreeMap<SessionId, Conversation>,
    /// Sessions that were erased, and whose they were: their ids open nothing again.
    pub(super) erased: BTreeMap<SessionId, TenantId>,
    pub(super) session_of_turn: BTreeMap<TurnId, SessionId>,
    pub(super) session_of_call: BTreeMap<CallId, SessionId>,
    pub(super) requests: BTreeMap<(TenantId, String), ClientRequest>,
    /// In a session, or in none.
    pub(super) decisions: Vec<(TenantId, Option<SessionId>, Decision)>,
    pub(super) outbox: OutboxTable,
    pub(super) memory: MemoryTable,
    pub(super) usage: UsageTable,
    pub(super) leases: LeaseTable,
    pub(super) owners: OwnerTable,
    pub(super) replica: BTreeMap<(TenantId, EventId), WalEvent>,
    ages: u64,
}

impl State {
    /// The session, if it is this tenant's.
    pub(super) fn conversation(
        &self,
        tenant: &TenantId,
        session: SessionId,
    ) -> Option<&Conversation> {
        self.conversations.get(&session).filter(|found| found.session.tenant == *tenant)
    }

    /// Grows with every piece of work: older work is served first.
    pub(super) const fn next_age(&mut self) -> u64 {
        self.ages += 1;
        self.ages
    }

    /// Removes all that was said in a session, wherever it waits.
    pub(super) fn erase(&mut self, tenant: &TenantId, session: SessionId, at: Timestamp) -> bool {
        if self.conversation(tenant, session).is_none() {
            return false;
        }
        self.conversations.remove(&session);
        self.erased.insert(session, tenant.clone());
        for (turn, _) in self.session_of_turn.iter().filter(|(_, of)| **of == session) {
            self.usage.settle_in_full(*turn);
        }
        self.session_of_turn.retain(|_, of| *of != session);
        self.session_of_call.retain(|_, of| *of != session);
        self.outbox.erase(tenant, session);
        self.memory.erase(tenant, session, at);
        self.replica.retain(|(of, _), wal| !(of == tenant && wal.write.session_id == session));
        true
    }
}
