//! One implementation on its way: what it answers, and what it shows.

use std::time::Duration;

use proptest::sample::Index;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Grant, ReservationRequest, Spent};
use soma_core::contract::ledger::{AFTER_TTL, Ledger, MANY, NOW, TTL, owner, partition};
use soma_core::contract::talk::Talk;
use soma_core::conversation::event::Event;
use soma_core::ids::{OwnerId, TurnId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::ports::memory_queue::{DueForget, SettledWrite, WriteOutcome};
use soma_core::ports::outbox::{OutboxDepth, SettledRow, Settlement};
use soma_core::ports::work::{CancelledTurn, Claim, ClaimRequest, Holding};
use soma_core::time::Timestamp;
use soma_core::work::commit::{Commit, CommitOutcome, Fence, WorkKind};
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_core::work::session::{Session, TurnRecord};

use super::act::{Act, Fate, Lease, talks};

/// What an act is answered, as far as it must be the same.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Committed(CommitOutcome),
    Batch(BatchOutcome),
    TakenIn(usize),
    /// Without the epochs, which each implementation counts by itself.
    Claimed(Vec<Claim>, bool),
    /// Which of the claims that were named are lost, and of which the turn was cancelled.
    Beaten(Vec<bool>, Vec<(Option<usize>, TurnId)>),
    Done(bool),
    Settled(Vec<bool>),
    Due(Vec<(String, u32)>),
    Forgets(Vec<DueForget>),
    Granted(Grant),
}

/// What all reads say.
#[derive(Debug, PartialEq)]
pub(crate) struct Sight {
    talks: Vec<TalkSight>,
    pending: Vec<(Lane, Vec<OutboxMessage>, Timestamp)>,
    depth: OutboxDepth,
    backlog: u64,
    work: [usize; 2],
}

#[derive(Debug, PartialEq)]
struct TalkSight {
    session: Option<Session>,
    events: Vec<Event>,
    turns: Vec<Option<TurnRecord>>,
    open: Vec<soma_core::tool::CallRecord>,
    listed: Vec<Session>,
    replica: Vec<WalEvent>,
    spent: Spent,
}

/// One implementation, the claims and leases that it gave, and the time.
pub(crate) struct World {
    ledger: Ledger,
    now: Timestamp,
    claims: Vec<Claim>,
    leases: [Option<PartitionLease>; 2],
}

impl World {
    pub(crate) const fn new(ledger: Ledger) -> Self {
        Self { ledger, now: NOW, claims: Vec::new(), leases: [None, None] }
    }

    pub(crate) async fn perform(&mut self, act: &Act) -> Answer {
        match act {
            Act::Commit { commit, under } => self.commit(commit, *under).await,
            Act::Arrive { talk, subject, lease } => self.arrive(talk, *subject, *lease).await,
            Act::TakeIn { kind, seconds } => {
                let age = Duration::from_secs(*seconds);
                let taken = self.ledger.work.recover_overdue(*kind, age, MANY).await;
                Answer::TakenIn(taken.unwrap())
            }
            Act::Claim { kind, owner, cap, most, knows } => {
                self.claim(*kind, *owner, (*cap, *most), *knows).await
            }
            Act::LeaveWork { kind, owner: who } => {
                self.ledger.work.leave(*kind, owner(*who)).await.unwrap();
                Answer::Nothing
            }
            Act::Heartbeat(which) => match self.claimed(*which) {
                Some(claim) => self.heartbeat(&claim).await,
                None => Answer::Nothing,
            },
            Act::Release { which, how, seconds } => {
                if let Some(claim) = self.claimed(*which) {
                    let delay = Duration::from_secs(*seconds);
                    self.ledger.work.release(&claim, *how, delay).await.unwrap();
                }
                Answer::Nothing
            }
            Act::Publish { talk, count, dead_letter } => {
                self.publish(talk, *count, *dead_letter).await
            }
            Act::Remember { count, fate } => self.remember(*count, *fate).await,
            Act::Replicate { talk, texts, lease } => self.replicate(talk, texts, *lease).await,
            Act::Reserve { talk, call, limit, want, least } => {
                let request = ReservationRequest {
                    key: talk.reservation(*call),
                    account: talk.account(),
                    window: BudgetWindow::at(self.now),
                    limit: *limit,
                    want: *want,
                    least: *least,
                };
                Answer::Granted(self.ledger.budget.reserve(&request).await.unwrap())
            }
            Act::Settle { talk, call, used } => {
                self.ledger.budget.settle(&talk.reserved(*call), *used).await.unwrap();
                Answer::Nothing
            }
            Act::Erase(talk) => {
                let erased = self.ledger.store.erase(&talk.tenant, talk.session_id, self.now).await;
                Answer::Done(erased.unwrap())
            }
            Act::Forget { count, again } => self.forget(*count, *again).await,
            Act::Pass { seconds } => {
                self.pass(Duration::from_secs(*seconds)).await;
                Answer::Nothing
            }
        }
    }

    fn claimed(&self, which: Index) -> Option<Claim> {
        (!self.claims.is_empty()).then(|| which.get(&self.claims).clone())
    }

    async fn commit(&self, commit: &Commit, under: Option<Index>) -> Answer {
        let mut commit = Commit { at: self.now, ..commit.clone() };
        if let Some(claim) = under.and_then(|which| self.claimed(which)) {
            commit.fence = Fence::Work { kind: claim.kind, epoch: claim.epoch };
            commit.session_id = claim.session_id;
        }
        Answer::Committed(self.ledger.store.commit(commit).await.unwrap())
    }

    async fn heartbeat(&self, claim: &Claim) -> Answer {
        let named = self.known(claim.kind, claim.owner);
        let heartbeat = self.ledger.work.heartbeat(claim.kind, claim.owner, &named, TTL);
        let told = heartbeat.await.unwrap();
        let lost = named.iter().map(|named| told.lost.contains(named)).collect();
        let of =
            |turn: &CancelledTurn| (named.iter().position(|it| *it == turn.holding), turn.turn_id);
        Answer::Beaten(lost, told.cancelled.iter().map(of).collect())
    }

    /// What an owner was given, of which it may have lost some.
    fn known(&self, kind: WorkKind, owner: OwnerId) -> Vec<Holding> {
        let claims = self.claims.iter().filter(|claim| claim.kind == kind && claim.owner == owner);
        claims.map(Claim::holding).collect()
    }

    async fn claim(
        &mut self,
        kind: WorkKind,
        who: u128,
        (tenant_cap, most): (usize, usize),
        knows: bool,
    ) -> Answer {
        let owner = owner(who);
        let holding = if knows { self.known(kind, owner) } else { Vec::new() };
        let request = ClaimRequest { kind, owner, holding, most, ttl: TTL, tenant_cap };
        let claimed = self.ledger.work.claim(request).await.unwrap();
        self.claims.extend(claimed.claims.clone());
        let claims = claimed.claims.into_iter().map(|claim| Claim { epoch: 0, ..claim });
        Answer::Claimed(claims.collect(), claimed.more)
    }

    async fn arrive(&mut self, talk: &Talk, subject: Subject, lease: Lease) -> Answer {
        let lease = self.lease(0, Topic::ConversationInbound, lease).await;
        let items = vec![talk.arrival(subject)];
        let next_offset = lease.next_offset + 1;
        let batch = Batch { lease, next_offset, last: None, at: self.now, items, dead: Vec::new() };
        Answer::Batch(self.ledger.work.ingest(batch).await.unwrap())
    }

    async fn replicate(&mut self, talk: &Talk, texts: &[&str], lease: Lease) -> Answer {
        let lease = self.lease(1, Topic::MemoryWal, lease).await;
        let items = texts.iter().map(|text| WalEvent::new(talk.memory(text), self.now)).collect();
        let dead = vec![talk.letter("unreadable")];
        let next_offset = lease.next_offset + 3;
        let batch = Batch { lease, next_offset, last: None, at: self.now, items, dead };
        Answer::Batch(self.ledger.replica.apply(batch).await.unwrap())
    }

    async fn lease(&mut self, place: usize, topic: Topic, how: Lease) -> PartitionLease {
        let kept = self.leases[place].clone();
        if let (Lease::Kept | Lease::Lost, Some(kept)) = (how, &kept) {
            if matches!(how, Lease::Lost) {
                self.ledger.clock.advance(AFTER_TTL).await;
                let taken = self.ledger.lease_for(&kept.resource, owner(2)).await.unwrap();
                self.ledger.leases.release(&[taken]).await.unwrap();
            }
            return kept.clone();
        }
        let fresh = self.ledger.lease(&partition(topic)).await;
        self.leases[place] = Some(fresh.clone());
        fresh
    }

    async fn publish(&self, talk: &Talk, count: usize, dead_letter: bool) -> Answer {
        let lane = Lane::of(&talk.session_id.to_string());
        let lease = self.ledger.lease(&Resource::Lane(lane)).await;
        let mut rows = self.ledger.outbox.read(&[lane], 0, count).await.unwrap();
        if dead_letter {
            rows.truncate(1);
        }
        let settled = |row: &OutboxRow| {
            let dead = row.messages.iter().filter(|_| dead_letter);
            let letter = |message: &OutboxMessage| talk.letter(&message.event_id.to_string());
            SettledRow { id: row.id, dead: dead.map(letter).collect() }
        };
        let rows = rows.iter().map(settled).collect();
        Answer::Settled(self.ledger.outbox.settle(&[Settlement { lease, rows }]).await.unwrap())
    }

    async fn remember(&mut self, count: usize, fate: Fate) -> Answer {
        let queue = self.ledger.memory_queue.clone();
        let lanes = self.ledger.memory_lanes(owner(1)).await;
        let due = queue.due(&lanes, count).await.unwrap();
        let outcome = |write: &MemoryWrite| match fate {
            Fate::Written => Some(WriteOutcome::Made(self.now)),
            Fate::PutOff => Some(WriteOutcome::PutOff(TTL)),
            Fate::Buried => {
                let talk = Talk { tenant: write.tenant.clone(), session_id: write.session_id };
                Some(WriteOutcome::Refused(talk.letter(&write.key)))
            }
            Fate::Abandoned => None,
        };
        let settlements = due.iter().filter_map(|due| {
            outcome(&due.write).map(|outcome| SettledWrite { due: due.clone(), outcome })
        });
        let settled = queue.settle(&lanes, &settlements.collect::<Vec<_>>()).await.unwrap();
        assert!(settled.iter().all(|ours| *ours), "{settled:?}");
        if matches!(fate, Fate::Abandoned) {
            self.pass(AFTER_TTL).await;
        }
        Answer::Due(due.into_iter().map(|due| (due.write.key, due.tries)).collect())
    }

    async fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.ledger.clock.advance(span).await;
    }

    async fn forget(&self, count: usize, again: Option<u64>) -> Answer {
        let queue = &self.ledger.memory_queue;
        let due = queue.forgets(count).await.unwrap();
        for forget in &due {
            queue.forgot(forget, again.map(Duration::from_secs)).await.unwrap();
        }
        Answer::Forgets(due)
    }

    pub(crate) async fn sight(&self) -> Sight {
        let mut seen = Vec::new();
        for talk in talks() {
            seen.push(self.sight_of(&talk).await);
        }
        let pending = self.ledger.pending().await.into_iter();
        let pending = pending.map(|row| (row.lane, row.messages, row.created_at)).collect();
        let work = &self.ledger.work;
        Sight {
            talks: seen,
            pending,
            depth: self.ledger.outbox.depth().await.unwrap(),
            backlog: self.ledger.memory_queue.backlog().await.unwrap(),
            work: [
                work.depth(WorkKind::Turns).await.unwrap(),
                work.depth(WorkKind::Calls).await.unwrap(),
            ],
        }
    }

    async fn sight_of(&self, talk: &Talk) -> TalkSight {
        let Ledger { store, inspect, .. } = &self.ledger;
        let (tenant, session) = (&talk.tenant, talk.session_id);
        let mut turns = Vec::new();
        for number in 1..4 {
            turns.push(store.turn(talk.turn(number)).await.unwrap());
        }
        TalkSight {
            session: store.session(tenant, session).await.unwrap(),
            events: self.ledger.events(talk).await,
            turns,
            open: store.open_calls(session).await.unwrap(),
            listed: store.sessions(tenant, None, MANY).await.unwrap(),
            replica: inspect.replica(tenant).await,
            spent: self.ledger.spent(talk).await,
        }
    }
}
