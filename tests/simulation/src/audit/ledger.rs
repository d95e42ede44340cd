//! The ledger, seen by the auditor: each call at the moment it takes effect.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::conversation::event::Event;
use soma_core::ids::{CallId, EventId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::memory::WalEvent;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::memory_queue::DueWrite;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::work::{Beat, Claim, HandBack};
use soma_core::ports::{Leases, MemoryQueue, Outbox, PortResult, Replica, Store, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch, WorkBatch};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_core::work::session::{EventRange, Session, TurnRecord};
use soma_inproc::InprocLedger;

use super::commits::Gist;
use super::{Audit, Books, Invariant};

/// The ledger, and who sees what it does.
pub struct Audited {
    ledger: Arc<InprocLedger>,
    audit: Arc<Audit>,
}

impl Audited {
    /// What `audit` sees of its ledger.
    pub fn new(audit: Arc<Audit>) -> Self {
        Self { ledger: Arc::clone(&audit.ledger), audit }
    }

    fn note(&self, check: impl FnOnce(&mut Books) -> Result<(), (Invariant, String)>) {
        let mut books = self.audit.books();
        if let Err((invariant, what)) = check(&mut books) {
            books.violate(invariant, what);
        }
    }
}

#[async_trait]
impl Store for Audited {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        let gist = Gist::of(&commit);
        let outcome = self.ledger.commit(commit).await?;
        if let CommitOutcome::Committed(events) = &outcome {
            self.audit.books().committed(gist, events);
        }
        Ok(outcome)
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        self.ledger.session(tenant, session).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        self.ledger.sessions(tenant, after, limit).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        self.ledger.events(tenant, session, range, limit).await
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        self.ledger.turn(turn).await
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        self.ledger.open_calls(session).await
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        self.ledger.call(call).await
    }

    async fn erase(&self, tenant: &TenantId, session: SessionId) -> PortResult<bool> {
        let erased = self.ledger.erase(tenant, session).await?;
        if erased {
            self.audit.books().erased(tenant, session);
        }
        Ok(erased)
    }
}

impl Books {
    fn erased(&mut self, tenant: &TenantId, id: SessionId) {
        let Some(session) = self.sessions.by_id.get_mut(&id) else { return };
        session.erased = true;
        let strangers = session.tenant != *tenant;
        let pending = session.turns.iter().filter(|turn| !turn.ended).count();
        self.sessions.erased_pending += pending as u64;
        let turns: Vec<TurnId> = session.turns.iter().map(|turn| turn.id).collect();
        for turn in turns {
            self.accounts.erase(turn);
        }
        self.to_remember.retain(|_, (_, session, _)| *session != id);
        self.forgotten.insert(id);
        if strangers {
            let what = format!("{tenant} erased {id} of another");
            self.violate(Invariant::TenantIsolation, what);
        }
    }
}

#[async_trait]
impl Work for Audited {
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        let (lease, next) = (batch.lease.clone(), batch.next_offset);
        let (items, dead) = (batch.items.len(), batch.dead.len());
        let outcome = self.ledger.ingest(batch).await?;
        if outcome == BatchOutcome::Applied {
            self.note(|books| books.positions.moved(&lease, next, items, dead));
        }
        Ok(outcome)
    }

    async fn take_in_overdue(
        &self,
        kind: WorkKind,
        before: Timestamp,
        limit: usize,
    ) -> PortResult<usize> {
        self.ledger.take_in_overdue(kind, before, limit).await
    }

    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>> {
        let claim = self.ledger.claim(kind, owner, now, ttl, tenant_cap).await?;
        if let Some(claim) = &claim {
            self.audit.books().claimed(claim, now, ttl, tenant_cap);
        }
        Ok(claim)
    }

    async fn beat(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> PortResult<Beat> {
        let beat = self.ledger.beat(claim, now, ttl).await?;
        self.audit.books().beaten(claim, now, ttl, beat);
        Ok(beat)
    }

    async fn hand_back(
        &self,
        claim: &Claim,
        how: HandBack,
        now: Timestamp,
        delay: Duration,
    ) -> PortResult<()> {
        self.ledger.hand_back(claim, how, now, delay).await?;
        self.audit.books().handed_back(claim);
        Ok(())
    }

    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize> {
        Work::depth(&*self.ledger, kind, now).await
    }
}

#[async_trait]
impl Leases for Audited {
    async fn acquire(
        &self,
        resource: &Resource,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Option<PartitionLease>> {
        let lease = self.ledger.acquire(resource, owner, ttl).await?;
        if let Some(lease) = &lease {
            self.note(|books| books.positions.acquired(lease));
        }
        Ok(lease)
    }

    async fn renew(&self, lease: &PartitionLease, ttl: Duration) -> PortResult<bool> {
        self.ledger.renew(lease, ttl).await
    }

    async fn release(&self, lease: &PartitionLease) -> PortResult<()> {
        self.ledger.release(lease).await
    }

    async fn join(&self, group: &str, member: OwnerId, ttl: Duration) -> PortResult<usize> {
        self.ledger.join(group, member, ttl).await
    }

    async fn leave(&self, group: &str, member: OwnerId) -> PortResult<()> {
        self.ledger.leave(group, member).await
    }
}

#[async_trait]
impl Outbox for Audited {
    async fn lanes(&self) -> PortResult<BTreeSet<Lane>> {
        self.ledger.lanes().await
    }

    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let rows = self.ledger.read(lane, limit).await?;
        self.audit.books().positions.read(&rows);
        Ok(rows)
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        let held = Outbox::settle(&*self.ledger, lease, ids).await?;
        if held {
            self.note(|books| books.positions.settled(lease, ids));
        }
        Ok(held)
    }

    async fn bury(&self, lease: &PartitionLease, id: u64, letter: DeadLetter) -> PortResult<bool> {
        Outbox::bury(&*self.ledger, lease, id, letter).await
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        Outbox::depth(&*self.ledger).await
    }
}

#[async_trait]
impl MemoryQueue for Audited {
    async fn due(
        &self,
        owner: OwnerId,
        now: Timestamp,
        hold: Duration,
        limit: usize,
    ) -> PortResult<Vec<DueWrite>> {
        self.ledger.due(owner, now, hold, limit).await
    }

    async fn settle(&self, due: &DueWrite, wal: WalEvent) -> PortResult<bool> {
        MemoryQueue::settle(&*self.ledger, due, wal).await
    }

    async fn retry_at(&self, due: &DueWrite, at: Timestamp) -> PortResult<bool> {
        self.ledger.retry_at(due, at).await
    }

    async fn bury(&self, due: &DueWrite, letter: DeadLetter) -> PortResult<bool> {
        MemoryQueue::bury(&*self.ledger, due, letter).await
    }

    async fn backlog(&self) -> PortResult<u64> {
        self.ledger.backlog().await
    }
}

#[async_trait]
impl Replica for Audited {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        let (lease, next) = (batch.lease.clone(), batch.next_offset);
        let events: Vec<EventId> = batch.items.iter().map(|item| item.write.event_id).collect();
        let dead = batch.dead.len();
        let outcome = self.ledger.apply(batch).await?;
        if outcome == BatchOutcome::Applied {
            self.note(|books| {
                let records = events.len();
                books.replicated.extend(events);
                books.positions.moved(&lease, next, records, dead)
            });
        }
        Ok(outcome)
    }

    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>> {
        self.ledger.find(tenant, event).await
    }

    async fn count(&self, tenant: &TenantId) -> PortResult<u64> {
        self.ledger.count(tenant).await
    }
}

impl fmt::Debug for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audited")
    }
}
