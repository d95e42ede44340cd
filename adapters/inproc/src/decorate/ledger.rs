//! The ports of the ledger.

use std::collections::BTreeSet;
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
use soma_core::ports::leases::Renewed;
use soma_core::ports::memory_queue::{DueForget, DueWrite};
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::ports::{Budget, Leases, MemoryQueue, Outbox, PortResult, Replica, Store, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch, WorkBatch};
use soma_core::work::lease::{Member, PartitionLease, Resource};
use soma_core::work::session::{EventRange, Session, TurnRecord};

use super::{Decorated, Intercept, Point};

#[async_trait]
impl<P, I> Store for Decorated<P, I>
where
    P: Store + ?Sized,
    I: Intercept,
{
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        self.intercept.call(Point::of(&commit), || self.inner.commit(commit.clone())).await
    }

    async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>> {
        self.intercept.call(Point::Session, || self.inner.session(tenant, session)).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        after: Option<(Timestamp, SessionId)>,
        limit: usize,
    ) -> PortResult<Vec<Session>> {
        self.intercept.call(Point::Sessions, || self.inner.sessions(tenant, after, limit)).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        session: SessionId,
        range: EventRange,
        limit: usize,
    ) -> PortResult<Vec<Event>> {
        let call = || self.inner.events(tenant, session, range, limit);
        self.intercept.call(Point::Events, call).await
    }

    async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>> {
        self.intercept.call(Point::Turn, || self.inner.turn(turn)).await
    }

    async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>> {
        self.intercept.call(Point::OpenCalls, || self.inner.open_calls(session)).await
    }

    async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>> {
        self.intercept.call(Point::Call, || self.inner.call(call)).await
    }

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        self.intercept.call(Point::Erase, || self.inner.erase(tenant, session, at)).await
    }
}

#[async_trait]
impl<P, I> Work for Decorated<P, I>
where
    P: Work + ?Sized,
    I: Intercept,
{
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        self.intercept.call(Point::Ingest, || self.inner.ingest(batch.clone())).await
    }

    async fn recover_overdue(
        &self,
        kind: WorkKind,
        before: Timestamp,
        limit: usize,
    ) -> PortResult<usize> {
        let call = || self.inner.recover_overdue(kind, before, limit);
        self.intercept.call(Point::RecoverOverdue, call).await
    }

    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>> {
        let call = || self.inner.claim(kind, owner, now, ttl, tenant_cap);
        self.intercept.call(Point::Claim, call).await
    }

    async fn heartbeat(
        &self,
        claim: &Claim,
        now: Timestamp,
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        self.intercept.call(Point::Heartbeat, || self.inner.heartbeat(claim, now, ttl)).await
    }

    async fn release(
        &self,
        claim: &Claim,
        how: Release,
        now: Timestamp,
        delay: Duration,
    ) -> PortResult<()> {
        self.intercept
            .call(Point::ReleaseClaim, || self.inner.release(claim, how, now, delay))
            .await
    }

    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize> {
        self.intercept.call(Point::WorkDepth, || self.inner.depth(kind, now)).await
    }
}

#[async_trait]
impl<P, I> Leases for Decorated<P, I>
where
    P: Leases + ?Sized,
    I: Intercept,
{
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        self.intercept.call(Point::Renew, || self.inner.renew(member, leases, ttl)).await
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let ask = || self.inner.acquire(resources, most, owner, ttl);
        self.intercept.call(Point::Acquire, ask).await
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        self.intercept.call(Point::Release, || self.inner.release(leases)).await
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        self.intercept.call(Point::Leave, || self.inner.leave(member, leases)).await
    }
}

#[async_trait]
impl<P, I> Outbox for Decorated<P, I>
where
    P: Outbox + ?Sized,
    I: Intercept,
{
    async fn lanes(&self) -> PortResult<BTreeSet<Lane>> {
        self.intercept.call(Point::OutboxLanes, || self.inner.lanes()).await
    }

    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        self.intercept.call(Point::ReadOutbox, || self.inner.read(lane, limit)).await
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        self.intercept.call(Point::SettleOutbox, || self.inner.settle(lease, ids)).await
    }

    async fn dead_letter(
        &self,
        lease: &PartitionLease,
        id: u64,
        letter: DeadLetter,
    ) -> PortResult<bool> {
        self.intercept
            .call(Point::DeadLetterOutbox, || self.inner.dead_letter(lease, id, letter.clone()))
            .await
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        self.intercept.call(Point::OutboxDepth, || self.inner.depth()).await
    }
}

#[async_trait]
impl<P, I> MemoryQueue for Decorated<P, I>
where
    P: MemoryQueue + ?Sized,
    I: Intercept,
{
    async fn due(
        &self,
        owner: OwnerId,
        now: Timestamp,
        hold: Duration,
        limit: usize,
    ) -> PortResult<Vec<DueWrite>> {
        self.intercept.call(Point::DueMemory, || self.inner.due(owner, now, hold, limit)).await
    }

    async fn settle(&self, due: &DueWrite, wal: WalEvent) -> PortResult<bool> {
        self.intercept.call(Point::SettleMemory, || self.inner.settle(due, wal.clone())).await
    }

    async fn retry_at(&self, due: &DueWrite, at: Timestamp) -> PortResult<bool> {
        self.intercept.call(Point::RetryMemory, || self.inner.retry_at(due, at)).await
    }

    async fn dead_letter(&self, due: &DueWrite, letter: DeadLetter) -> PortResult<bool> {
        self.intercept
            .call(Point::DeadLetterMemory, || self.inner.dead_letter(due, letter.clone()))
            .await
    }

    async fn forgets(&self, now: Timestamp, limit: usize) -> PortResult<Vec<DueForget>> {
        self.intercept.call(Point::DueForgets, || self.inner.forgets(now, limit)).await
    }

    async fn forgot(&self, forget: &DueForget, again_at: Option<Timestamp>) -> PortResult<()> {
        self.intercept.call(Point::Forgot, || self.inner.forgot(forget, again_at)).await
    }

    async fn backlog(&self) -> PortResult<u64> {
        self.intercept.call(Point::Backlog, || self.inner.backlog()).await
    }
}

#[async_trait]
impl<P, I> Replica for Decorated<P, I>
where
    P: Replica + ?Sized,
    I: Intercept,
{
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        self.intercept.call(Point::Replicate, || self.inner.apply(batch.clone())).await
    }

    async fn find(&self, tenant: &TenantId, event: EventId) -> PortResult<Option<WalEvent>> {
        self.intercept.call(Point::FindReplica, || self.inner.find(tenant, event)).await
    }

    async fn count(&self, tenant: &TenantId) -> PortResult<u64> {
        self.intercept.call(Point::CountReplica, || self.inner.count(tenant)).await
    }
}

#[async_trait]
impl<P, I> Budget for Decorated<P, I>
where
    P: Budget + ?Sized,
    I: Intercept,
{
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        self.intercept.call(Point::Reserve, || self.inner.reserve(request)).await
    }

    async fn settle(&self, key: ReservationKey, used: Tokens) -> PortResult<()> {
        self.intercept.call(Point::SettleBudget, || self.inner.settle(key, used)).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.intercept.call(Point::RefreshBudget, || self.inner.refresh(account, window)).await
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        self.intercept.call(Point::Spent, || self.inner.spent(account, window)).await
    }
}
