//! Right histories stay clean, and each wrong one is told by its name.

mod budget;
mod busy;
mod calls;
mod claims;
mod commits;
mod history;
mod lateness;
mod memories;
mod models;
mod outbox;
mod outcomes;
mod positions;
mod promises;
mod prompts;
mod reasons;
mod rest;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use soma_core::contract::ledger::{MANY, NOW, TTL, newcomer, owner, wants};
use soma_core::contract::talk::Talk;
use soma_core::conversation::event::Event;
use soma_core::digest::Digest32;
use soma_core::ids::OwnerId;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::policy::{Action, Decision};
use soma_core::ports::log::Fetched;
use soma_core::ports::outbox::{SettledRow, Settlement};
use soma_core::ports::work::{Claim, ClaimRequest};
use soma_core::ports::{Leases, Log, Outbox, PortResult, Store, Work};
use soma_core::work::commit::{Commit, CommitOutcome, Fence, WorkKind};
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_inproc::{InprocLedger, InprocLog, InprocMemory, ManualClock, ManualTimer};

use super::positions::reader;
use super::{Audit, Audited, AuditedLog, Auditing, Invariant};

const LIMIT: u64 = 1_000;

/// What a port in memory answers: it never waits.
fn now<T>(answer: impl Future<Output = PortResult<T>>) -> T {
    answer.now_or_never().unwrap().unwrap()
}

/// The one partition of a topic, as the group has it that reads there.
fn partition(topic: Topic) -> Resource {
    let group = reader(topic).unwrap().into();
    Resource::Partition { group, topic, partition: 0 }
}

/// A ledger, a log and a memory with an auditor.
struct Scene {
    clock: Arc<ManualClock>,
    audit: Arc<Audit>,
    ledger: Audited,
    records: Arc<InprocLog>,
    log: AuditedLog<InprocLog>,
    memory: InprocMemory,
}

impl Scene {
    fn new() -> Self {
        Self::limited(LIMIT)
    }

    /// One in which every tenant may use so many tokens.
    fn limited(tokens: u64) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let audit = Audit::new(Arc::new(InprocLedger::new(clock.clone())), Some(tokens));
        let timer = Arc::new(ManualTimer::new(Arc::clone(&clock)));
        let records = Arc::new(InprocLog::with_partitions(1, timer));
        Self {
            ledger: Audited::new(Arc::clone(&audit)),
            log: AuditedLog::new(Arc::clone(&records), Auditing::of(Arc::clone(&audit))),
            records,
            memory: InprocMemory::new(clock.clone()),
            audit,
            clock,
        }
    }

    /// The ledger, behind the auditor's back.
    fn behind(&self) -> &InprocLedger {
        &self.audit.ledger
    }

    /// What does not hold.
    fn broken(&self) -> Vec<Invariant> {
        self.audit.violations().iter().map(|violation| violation.invariant).collect()
    }

    /// Commits what must be applied.
    fn commit(&self, commit: Commit) -> Vec<Event> {
        let outcome = now(self.ledger.commit(commit));
        let CommitOutcome::Committed(events) = outcome else { panic!("{outcome:?}") };
        events
    }

    /// Leases a resource that is free, or held by the same owner.
    fn lease(&self, resource: &Resource) -> PartitionLease {
        self.lease_for(resource, owner(1))
    }

    fn lease_for(&self, resource: &Resource, owner: OwnerId) -> PartitionLease {
        now(self.ledger.acquire(std::slice::from_ref(resource), MANY, owner, TTL)).remove(0)
    }

    /// Leases every lane of the memory queue.
    fn memory_lanes(&self, who: u128) -> Vec<PartitionLease> {
        let lanes: Vec<Resource> = Lane::all().map(Resource::MemoryLane).collect();
        now(self.ledger.acquire(&lanes, MANY, owner(who), TTL))
    }

    /// Publishes all that waits, as a relay does.
    fn relay(&self) {
        for lane in Lane::all() {
            let lease = self.lease(&Resource::Lane(lane));
            let rows = now(self.ledger.read(&[lane], 0, MANY));
            for row in &rows {
                self.publish(row);
            }
            self.settle(lease, &rows);
        }
    }

    /// Settles rows of a lane.
    fn settle(&self, lease: PartitionLease, rows: &[OutboxRow]) {
        let settled = |row: &OutboxRow| SettledRow { id: row.id, dead: Vec::new() };
        let rows = rows.iter().map(settled).collect();
        now(Outbox::settle(&self.ledger, &[Settlement { lease, rows }]));
    }

    fn publish(&self, row: &OutboxRow) {
        for message in &row.messages {
            now(self.log.publish(message.topic, 0, vec![message.record(NOW)]));
        }
    }

    /// Takes in the one record of a topic that is next.
    fn arrive(&self, talk: &Talk, topic: Topic, subject: Subject) {
        let lease = self.lease(&partition(topic));
        let offset = lease.next_offset;
        let fetched = now(self.log.fetch(topic, 0, offset, 1, Duration::ZERO));
        assert!(matches!(fetched, Fetched::Records(records) if !records.is_empty()));
        let mut arrival = talk.arrival(subject);
        arrival.otherwise.offset = Some(offset);
        let (items, dead) = (vec![arrival], Vec::new());
        let batch = Batch { lease, next_offset: offset + 1, last: None, at: NOW, items, dead };
        assert_eq!(now(self.ledger.ingest(batch)), BatchOutcome::Applied);
    }

    /// A turn that is accepted and has arrived.
    fn ready(&self, talk: &Talk, turn: u32) {
        self.commit(talk.accepts(turn));
        self.relay();
        self.arrive(talk, Topic::ConversationInbound, Subject::Turn(talk.turn(turn)));
    }

    fn claim(&self, kind: WorkKind) -> Claim {
        self.claim_for(kind, newcomer()).unwrap()
    }

    fn claim_for(&self, kind: WorkKind, owner: OwnerId) -> Option<Claim> {
        let one = ClaimRequest { most: 1, ..wants(kind, owner) };
        now(self.ledger.claim(one)).claims.pop()
    }

    /// A claim that the auditor did not see.
    fn claim_behind(&self, kind: WorkKind) -> Claim {
        let one = ClaimRequest { most: 1, ..wants(kind, newcomer()) };
        now(self.behind().claim(one)).claims.remove(0)
    }
}

/// A commit under a claim.
fn under(claim: &Claim, commit: Commit) -> Commit {
    Commit { fence: Fence::Work { kind: claim.kind, epoch: claim.epoch }, ..commit }
}

/// The same commit, of a turn whose record has so many inputs.
fn after(steps: u32, mut commit: Commit) -> Commit {
    commit.turn.as_mut().unwrap().from_step = steps;
    commit
}

fn allowed(action: Action) -> Decision {
    let (resource, reasons) = ("anything".into(), Vec::new());
    Decision { action, resource, allow: true, reasons, input: Digest32([0; 32]), bundle: None }
}
