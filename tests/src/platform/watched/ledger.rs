//! The ports of the ledger, watched.

use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, ReservationKey, ReservationRequest, Spent, Tokens};
use soma_core::conversation::event::Event;
use soma_core::ids::{CallId, EventId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::memory::WalEvent;
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::memory_queue::DueWrite;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::work::{Beat, Claim};
use soma_core::ports::{Budget, Leases, MemoryQueue, Outbox, PortResult, Replica, Store, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch, WorkBatch};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_core::work::session::{EventRange, Session, TurnRecord};

use super::Watched;

#[async_trait]
impl<P> Store for Watched<P>
where
    P: Store + ?Sized,
{
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        self.watched(("Store", "commit"), self.inner.commit(commit)).await
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        self.watched(("Store", "session"), self.inner.session(tenant, session)).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        self.watched(("Store", "sessions"), self.inner.sessions(tenant, after, limit)).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        let call = self.inner.events(tenant, session, range, limit);
        self.watched(("Store", "events"), call).await
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        self.watched(("Store", "turn"), self.inner.turn(turn)).await
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        self.watched(("Store", "open_calls"), self.inner.open_calls(session)).await
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        self.watched(("Store", "call"), self.inner.call(call)).await
    }

    async fn erase(&self, tenant: &TenantId, session: SessionId) -> PortResult<bool> {
        self.watched(("Store", "erase"), self.inner.erase(tenant, session)).await
    }
}

#[async_trait]
impl<P> Work for Watched<P>
where
    P: Work + ?Sized,
{
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        self.watched(("Work", "ingest"), self.inner.ingest(batch)).await
    }

    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>> {
        let call = self.inner.claim(kind, owner, now, ttl, tenant_cap);
        self.watched(("Work", "claim"), call).await
    }

    async fn beat(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> PortResult<Beat> {
        self.watched(("Work", "beat"), self.inner.beat(claim, now, ttl)).await
    }

    async fn hand_back(&self, claim: &Claim, now: Timestamp, delay: Duration) -> PortResult<()> {
        self.watched(("Work", "hand_back"), self.inner.hand_back(claim, now, delay)).await
    }

    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize> {
        self.watched(("Work", "depth"), self.inner.depth(kind, now)).await
    }
}

#[async_trait]
impl<P> Leases for Watched<P>
where
    P: Leases + ?Sized,
{
    async fn acquire(
        &self,
        resource: &Resource,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Option<PartitionLease>> {
        self.watched(("Leases", "acquire"), self.inner.acquire(resource, owner, ttl)).await
    }

    async fn renew(&self, lease: &PartitionLease, ttl: Duration) -> PortResult<bool> {
        self.watched(("Leases", "renew"), self.inner.renew(lease, ttl)).await
    }

    async fn release(&self, lease: &PartitionLease) -> PortResult<()> {
        self.watched(("Leases", "release"), self.inner.release(lease)).await
    }

    async fn join(&self, group: &str, member: OwnerId, ttl: Duration) -> PortResult<usize> {
        self.watched(("Leases", "join"), self.inner.join(group, member, ttl)).await
    }

    async fn leave(&self, group: &str, member: OwnerId) -> PortResult<()> {
        self.watched(("Leases", "leave"), self.inner.leave(group, member)).await
    }
}

#[async_trait]
impl<P> Outbox for Watched<P>
where
    P: Outbox + ?Sized,
{
    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        self.watched(("Outbox", "read"), self.inner.read(lane, limit)).await
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        self.watched(("Outbox", "settle"), self.inner.settle(lease, ids)).await
    }

    async fn bury(&self, lease: &PartitionLease, id: u64, letter: DeadLetter) -> PortResult<bool> {
        self.watched(("Outbox", "bury"), self.inner.bury(lease, id, letter)).await
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        self.watched(("Outbox", "depth"), self.inner.depth()).await
    }
}

#[async_trait]
impl<P> MemoryQueue for Watched<P>
where
    P: MemoryQueue + ?Sized,
{
    async fn due(
        &self,
        owner: OwnerId,
        now: Timestamp,
        hold: Duration,
        limit: usize,
    ) -> PortResult<Vec<DueWrite>> {
        self.watched(("MemoryQueue", "due"), self.inner.due(owner, now, hold, limit)).await
    }

    async fn settle(&self, due: &DueWrite, wal: WalEvent) -> PortResult<bool> {
        self.watched(("MemoryQueue", "settle"), self.inner.settle(due, wal)).await
    }

    async fn retry_at(&self, due: &DueWrite, at: Timestamp) -> PortResult<bool> {
        self.watched(("MemoryQueue", "retry_at"), self.inner.retry_at(due, at)).await
    }

    async fn bury(&self, due: &DueWrite, letter: DeadLetter) -> PortResult<bool> {
        self.watched(("MemoryQueue", "bury"), self.inner.bury(due, letter)).await
    }

    async fn backlog(&self) -> PortResult<u64> {
        self.watched(("MemoryQueue", "backlog"), self.inner.backlog()).await
    }
}

#[async_trait]
impl<P> Replica for Watched<P>
where
    P: Replica + ?Sized,
{
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        self.watched(("Replica", "apply"), self.inner.apply(batch)).await
    }

    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>> {
        self.watched(("Replica", "find"), self.inner.find(tenant, event)).await
    }

    async fn count(&self, tenant: &TenantId) -> PortResult<u64> {
        self.watched(("Replica", "count"), self.inner.count(tenant)).await
    }
}

#[async_trait]
impl<P> Budget for Watched<P>
where
    P: Budget + ?Sized,
{
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        self.watched(("Budget", "reserve"), self.inner.reserve(request)).await
    }

    async fn settle(&self, key: ReservationKey, used: Tokens) -> PortResult<()> {
        self.watched(("Budget", "settle"), self.inner.settle(key, used)).await
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        self.watched(("Budget", "spent"), self.inner.spent(account, window)).await
    }
}
