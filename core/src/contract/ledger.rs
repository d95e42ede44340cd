//! What the suites of the ledger's ports share: the ports over one place, and shorthands for what
//! almost every case does with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::clock::Steer;
use super::damage::Damage;
use super::inspect::Inspect;
use super::talk::Talk;
use crate::budget::Spent;
use crate::budget::window::BudgetWindow;
use crate::conversation::event::{Event, Seq};
use crate::ids::OwnerId;
use crate::outbox::lane::Lane;
use crate::outbox::message::{OutboxMessage, OutboxRow};
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::ports::work::{Claim, ClaimRequest};
use crate::ports::{
    Budget, DeadLetters, Decisions, Leases, MemoryQueue, Outbox, Replica, Store, UsageLedger, Work,
};
use crate::time::Timestamp;
use crate::work::commit::{Commit, CommitOutcome, WorkKind};
use crate::work::ingest::{Arrival, Batch, BatchOutcome};
use crate::work::lease::{PartitionLease, Resource};
use crate::work::session::{EventRange, Session};
use crate::work::suspicion::ISOLATION_PAUSE;

/// When the cases begin.
pub const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);
/// How long what is claimed, leased or held lasts.
pub const TTL: Duration = Duration::from_secs(30);
/// A little longer than [`TTL`].
pub const AFTER_TTL: Duration = Duration::from_secs(31);
/// More than any case has.
pub const MANY: usize = 1_000;

/// So many seconds after [`NOW`].
pub fn at(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// An instance of a service.
pub const fn owner(number: u128) -> OwnerId {
    OwnerId::from_uuid(Uuid::from_u128(number))
}

/// An instance that nobody has heard of.
pub fn newcomer() -> OwnerId {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
    owner(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

/// An instance that holds nothing wants everything.
pub const fn wants(kind: WorkKind, owner: OwnerId) -> ClaimRequest {
    ClaimRequest { kind, owner, holding: Vec::new(), most: MANY, ttl: TTL, tenant_cap: MANY }
}

/// A partition that records are ingested from.
pub fn partition(topic: Topic) -> Resource {
    Resource::Partition { group: "suite".into(), topic, partition: 0 }
}

/// The ports that share one boundary of consistency, over one place.
#[derive(Clone)]
pub struct Ledger {
    /// Sessions, events, turns and calls.
    pub store: Arc<dyn Store>,
    /// The queues of turns and calls.
    pub work: Arc<dyn Work>,
    /// Partitions and lanes.
    pub leases: Arc<dyn Leases>,
    /// Messages to be published.
    pub outbox: Arc<dyn Outbox>,
    /// What was set aside.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Memories to be written.
    pub memory_queue: Arc<dyn MemoryQueue>,
    /// Memories that were written.
    pub replica: Arc<dyn Replica>,
    /// What was decided in no session.
    pub decisions: Arc<dyn Decisions>,
    /// Tokens.
    pub budget: Arc<dyn Budget>,
    /// What counters of tokens are rebuilt from.
    pub usage: Arc<dyn UsageLedger>,
    /// The time by which leases end.
    pub clock: Arc<dyn Steer>,
    /// Damages what is stored.
    pub damage: Arc<dyn Damage>,
    /// Looks at what is stored.
    pub inspect: Arc<dyn Inspect>,
}

crate::opaque_debug!(Ledger);

impl Ledger {
    /// The ports of one value that implements all of them but the counters of tokens, and what gets
    /// behind its back.
    pub fn of<L, B>(
        ledger: Arc<L>,
        budget: Arc<dyn Budget>,
        clock: Arc<dyn Steer>,
        behind: Arc<B>,
    ) -> Self
    where
        B: Damage + Inspect + 'static,
        L: Store
            + Work
            + Leases
            + Outbox
            + DeadLetters
            + MemoryQueue
            + Replica
            + Decisions
            + UsageLedger
            + 'static,
    {
        Self {
            store: ledger.clone(),
            work: ledger.clone(),
            leases: ledger.clone(),
            outbox: ledger.clone(),
            dead_letters: ledger.clone(),
            memory_queue: ledger.clone(),
            replica: ledger.clone(),
            decisions: ledger.clone(),
            budget,
            usage: ledger,
            clock,
            damage: behind.clone(),
            inspect: behind,
        }
    }

    /// What the ledger of usage has of a conversation's account.
    pub async fn spent(&self, talk: &Talk) -> Spent {
        self.usage.balance(&talk.account(), BudgetWindow::at(NOW)).await.unwrap().spent()
    }

    /// Commits what must be applied, and returns its events.
    pub async fn commit(&self, commit: Commit) -> Vec<Event> {
        let outcome = self.store.commit(commit).await.unwrap();
        let CommitOutcome::Committed(events) = outcome else { panic!("{outcome:?}") };
        events
    }

    /// Commits a turn and lets its message arrive.
    pub async fn ready(&self, talk: &Talk, turn: u32) {
        self.ready_at(talk, turn, NOW).await;
    }

    /// Commits a turn and lets its message arrive, at a time.
    pub async fn ready_at(&self, talk: &Talk, turn: u32, at: Timestamp) {
        self.commit(Commit { at, ..talk.accepts(turn) }).await;
        self.ingest(vec![talk.arrival(Subject::Turn(talk.turn(turn)))], at).await;
    }

    /// Takes one record in, as its consumer would.
    pub async fn arrive(&self, talk: &Talk, subject: Subject) {
        self.ingest(vec![talk.arrival(subject)], NOW).await;
    }

    /// Takes records in, as their consumer would.
    pub async fn ingest(&self, items: Vec<Arrival>, at: Timestamp) {
        let lease = self.lease(&partition(Topic::ConversationInbound)).await;
        let (next_offset, dead) = (lease.next_offset + 1, Vec::new());
        let batch = Batch { lease, next_offset, last: None, at, items, dead };
        assert_eq!(self.work.ingest(batch).await.unwrap(), BatchOutcome::Applied);
    }

    /// Leases a resource that is free, or held by the same owner.
    pub async fn lease(&self, resource: &Resource) -> PartitionLease {
        self.lease_for(resource, owner(1)).await.unwrap()
    }

    /// Leases a resource for an owner, if it is free for it.
    pub async fn lease_for(&self, resource: &Resource, owner: OwnerId) -> Option<PartitionLease> {
        let resources = std::slice::from_ref(resource);
        self.leases.acquire(resources, 1, owner, TTL).await.unwrap().pop()
    }

    /// Leases every lane of the memory queue that is free for an owner.
    pub async fn memory_lanes(&self, owner: OwnerId) -> Vec<PartitionLease> {
        let lanes: Vec<Resource> = Lane::all().map(Resource::MemoryLane).collect();
        self.leases.acquire(&lanes, MANY, owner, TTL).await.unwrap()
    }

    /// Claims a session with work of a kind, for an owner of its own.
    pub async fn claim(&self, kind: WorkKind) -> Option<Claim> {
        self.claim_for(kind, newcomer()).await
    }

    /// Claims a session with work of a kind, for an owner that knows of no other.
    pub async fn claim_for(&self, kind: WorkKind, owner: OwnerId) -> Option<Claim> {
        let one = ClaimRequest { most: 1, ..wants(kind, owner) };
        self.work.claim(one).await.unwrap().claims.pop()
    }

    /// Claims a session with work of a kind so many seconds from now, for an owner of its own.
    pub async fn claim_after(&self, kind: WorkKind, seconds: u64) -> Option<Claim> {
        self.clock.advance(Duration::from_secs(seconds)).await;
        self.claim(kind).await
    }

    /// Whoever has claimed work of a kind dies and is judged, and the pause after it is over.
    pub async fn all_die(&self, kind: WorkKind) {
        self.clock.advance(AFTER_TTL).await;
        let witness = newcomer();
        self.work.claim(ClaimRequest { most: 0, ..wants(kind, witness) }).await.unwrap();
        self.work.leave(kind, witness).await.unwrap();
        self.clock.advance(ISOLATION_PAUSE).await;
    }

    /// The session, which must be there.
    pub async fn session(&self, talk: &Talk) -> Session {
        self.store.session(&talk.tenant, talk.session_id).await.unwrap().unwrap()
    }

    /// The events of a session.
    pub async fn events(&self, talk: &Talk) -> Vec<Event> {
        let all = EventRange::After(Seq(0));
        self.store.events(&talk.tenant, talk.session_id, all, MANY).await.unwrap()
    }

    /// Everything that waits in the outbox.
    pub async fn pending(&self) -> Vec<OutboxRow> {
        let lanes: Vec<Lane> = Lane::all().collect();
        self.outbox.read(&lanes, 0, MANY).await.unwrap()
    }

    /// What waits in the outbox for a topic.
    pub async fn published(&self, topic: Topic) -> Vec<OutboxMessage> {
        let rows = self.pending().await.into_iter();
        rows.flat_map(|row| row.messages).filter(|message| message.topic == topic).collect()
    }
}
