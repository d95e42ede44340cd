//! The ledger, seen by the auditor: each call at the moment it takes effect.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{CallId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::outbox::wire::Subject;
use soma_core::ports::leases::Renewed;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite};
use soma_core::ports::outbox::{OutboxDepth, Settlement};
use soma_core::ports::work::{Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release};
use soma_core::ports::{Leases, MemoryQueue, Outbox, PortResult, Replica, Store, Work};
use soma_core::time::Timestamp;
use soma_core::tool::{CallRecord, CallState};
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{Arrival, BatchOutcome, ReplicaBatch, WorkBatch};
use soma_core::work::lease::{Member, PartitionLease, Resource};
use soma_core::work::session::{EventRange, Session, TurnRecord, TurnState};
use soma_inproc::InprocLedger;

use super::commits::Gist;
use super::invariant::{Invariant, Wrong};
use super::memories::{Memories, Row, row_of};
use super::positions::Move;
use super::{Audit, Books};

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

    fn note(&self, check: impl FnOnce(&mut Books) -> Result<(), Wrong>) {
        let mut books = self.audit.books();
        if let Err((invariant, what)) = check(&mut books) {
            books.violate(invariant, what);
        }
    }

    /// Whether the subject of a record is past the state of what has not arrived. One that nobody
    /// knows is set aside.
    async fn is_taken_in(&self, subject: Subject) -> PortResult<bool> {
        Ok(match subject {
            Subject::Turn(turn) => {
                let found = self.ledger.turn(turn).await?;
                found.is_none_or(|turn| turn.state > TurnState::Accepted)
            }
            Subject::ToolRequest(call) => {
                let found = self.ledger.call(call).await?;
                found.is_none_or(|call| call.state > CallState::Requested)
            }
            Subject::ToolResult(call) => {
                let found = self.ledger.call(call).await?;
                found.is_none_or(|call| call.state == CallState::Delivered)
            }
        })
    }
}

#[async_trait]
impl Store for Audited {
    async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome> {
        let gist = Gist::of(&commit);
        let outcome = self.ledger.commit(commit).await?;
        if let CommitOutcome::Committed(events) = &outcome {
            let now = self.ledger.now();
            self.audit.books().committed(gist, events, now);
            self.note(|books| books.lateness.committed(events, now));
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

    async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>> {
        self.ledger.heads(sessions).await
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

    async fn erase(
        &self,
        tenant: &TenantId,
        session: SessionId,
        at: Timestamp,
    ) -> PortResult<bool> {
        let erased = self.ledger.erase(tenant, session, at).await?;
        if erased {
            self.audit.books().erased(tenant, session);
        }
        Ok(erased)
    }
}

impl Books {
    /// A session was erased.
    pub(super) fn erased(&mut self, tenant: &TenantId, id: SessionId) {
        let Some(session) = self.sessions.by_id.get_mut(&id) else { return };
        session.erased = true;
        let strangers = session.tenant != *tenant;
        let pending = session.turns.iter().filter(|turn| !turn.ended).count();
        self.sessions.erased_pending += pending as u64;
        let turns: Vec<TurnId> = session.turns.iter().map(|turn| turn.id).collect();
        for turn in turns {
            self.accounts.erase(turn);
        }
        self.memories.erased(id);
        self.waiting.erased(id);
        self.publications.erased(id);
        if strangers {
            let what = format!("{tenant} erased {id} of another");
            self.violate(Invariant::TenantIsolation, what);
        }
    }
}

#[async_trait]
impl Work for Audited {
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        let moved = Move::of_work(&batch);
        let subjects: Vec<Subject> =
            batch.items.iter().map(|Arrival { subject, .. }| *subject).collect();
        let outcome = self.ledger.ingest(batch).await?;
        if outcome == BatchOutcome::Applied {
            self.note(|books| books.positions.moved(&moved));
            for subject in subjects {
                if let Subject::Turn(turn) = subject {
                    self.audit.books().arrived(turn);
                }
                if !self.is_taken_in(subject).await? {
                    let what = format!("the position passed {subject:?}, which has not arrived");
                    self.audit.violate(Invariant::Positions, what);
                }
            }
        }
        Ok(outcome)
    }

    async fn recover_overdue(
        &self,
        kind: WorkKind,
        age: Duration,
        limit: usize,
    ) -> PortResult<usize> {
        self.ledger.recover_overdue(kind, age, limit).await
    }

    async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed> {
        let now = self.ledger.now();
        self.audit.books().asked(&request, now);
        let claimed = self.ledger.claim(request.clone()).await?;
        let mut books = self.audit.books();
        for claim in &claimed.claims {
            books.claimed(claim, request.tenant_cap);
        }
        if !claimed.claims.is_empty() {
            books.gave(&request, now);
        }
        Ok(claimed)
    }

    async fn heartbeat(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        holding: &[Holding],
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        let told = self.ledger.heartbeat(kind, owner, holding, ttl).await?;
        let until = self.ledger.now() + ttl;
        self.audit.books().told((kind, owner), holding, &told, until);
        Ok(told)
    }

    async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()> {
        Work::release(&*self.ledger, claim, how, delay).await?;
        self.audit.books().released(claim, how);
        Ok(())
    }

    async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()> {
        Work::leave(&*self.ledger, kind, owner).await?;
        self.audit.books().left(kind, owner);
        Ok(())
    }

    async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog> {
        Work::backlog(&*self.ledger, kind).await
    }

    async fn depth(&self, kind: WorkKind) -> PortResult<usize> {
        Work::depth(&*self.ledger, kind).await
    }
}

#[async_trait]
impl Leases for Audited {
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        let renewed = self.ledger.renew(member, leases, ttl).await?;
        for (lease, _) in leases.iter().zip(&renewed.held).filter(|(_, held)| **held) {
            self.note(|books| books.positions.fenced(lease));
        }
        Ok(renewed)
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let acquired = self.ledger.acquire(resources, most, owner, ttl).await?;
        for lease in &acquired {
            self.note(|books| books.positions.acquired(lease));
        }
        Ok(acquired)
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        Leases::release(&*self.ledger, leases).await?;
        self.audit.books().positions.released(leases);
        Ok(())
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        Leases::leave(&*self.ledger, member, leases).await?;
        self.audit.books().positions.released(leases);
        Ok(())
    }
}

#[async_trait]
impl Outbox for Audited {
    async fn read(&self, lanes: &[Lane], after: u64, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let rows = self.ledger.read(lanes, after, limit).await?;
        self.note(|books| books.publications.read(&rows));
        Ok(rows)
    }

    async fn settle(&self, settlements: &[Settlement]) -> PortResult<Vec<bool>> {
        let held = Outbox::settle(&*self.ledger, settlements).await?;
        let applied = settlements.iter().zip(&held).filter(|(_, held)| **held);
        for (Settlement { lease, rows }, _) in applied {
            self.note(|books| {
                books.positions.fenced(lease)?;
                books.publications.settled(rows)
            });
        }
        Ok(held)
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        Outbox::depth(&*self.ledger).await
    }
}

#[async_trait]
impl MemoryQueue for Audited {
    async fn due(&self, lanes: &[PartitionLease], limit: usize) -> PortResult<Vec<DueWrite>> {
        self.ledger.due(lanes, limit).await
    }

    async fn settle(
        &self,
        lanes: &[PartitionLease],
        settlements: &[SettledWrite],
    ) -> PortResult<Vec<bool>> {
        let settled = MemoryQueue::settle(&*self.ledger, lanes, settlements).await?;
        for (settlement, _) in settlements.iter().zip(&settled).filter(|(_, ours)| **ours) {
            self.note(|books| {
                let lease = Memories::lease_of(lanes, settlement)?;
                books.positions.fenced(lease)?;
                books.waiting.settled(settlement, self.ledger.now());
                books.memories.settled(settlement)
            });
        }
        Ok(settled)
    }

    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>> {
        self.ledger.forgets(limit).await
    }

    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()> {
        self.ledger.forgot(forget, again_after).await?;
        let now = self.ledger.now();
        self.audit.books().waiting.forgot(forget.session_id, again_after, now);
        Ok(())
    }

    async fn backlog(&self) -> PortResult<u64> {
        MemoryQueue::backlog(&*self.ledger).await
    }
}

#[async_trait]
impl Replica for Audited {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        let moved = Move::of_rows(&batch);
        let rows: Vec<Row> = batch.items.iter().map(row_of).collect();
        let outcome = self.ledger.apply(batch).await?;
        if outcome == BatchOutcome::Applied {
            self.note(|books| {
                books.memories.replicated(rows);
                books.positions.moved(&moved)
            });
        }
        Ok(outcome)
    }
}

soma_core::opaque_debug!(Audited);
