//! Makes the memory writes that commits left to be made, until each is made or can never be, and
//! forgets what was erased.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join, select};
use futures_util::stream::{StreamExt, iter};
use tracing::{Instrument, Span};

use super::forget_sessions::ForgetSessions;
use super::memory_lanes::MemoryLanes;
use super::persist::retry;
use super::run_concurrently::run_concurrently;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::memory::MemoryWrite;
use crate::observe::{self, SetAside};
use crate::outbox::backoff::Backoff;
use crate::outbox::dead::{DeadLetter, Origin};
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use crate::ports::{
    CLOCK_SKEW, Leases, Memory, MemoryQueue, Notification, PortError, PortResult, Store,
};
use crate::spans;
use crate::time::Timestamp;
use crate::work::lease::PartitionLease;

const BATCH: usize = 100;
/// How many writes are made in one call; those that failed before are made each by itself.
const TOGETHER: usize = 32;
/// How many such calls are made at once.
const CONCURRENCY: usize = 8;
/// How long a write may take; then it is tried again later.
const LONGEST_WRITE: Duration = Duration::from_secs(10);
/// How long a write may be in hand after it was read: none is begun that may take longer. Whoever
/// takes its lane over makes none that replaces it before that.
const HOLD: Duration = Duration::from_secs(30);
/// How often an instance that was not notified looks.
const LOOK: Duration = Duration::from_secs(1);
/// How often a port is asked about a session that was deleted.
const TRIES: u32 = 6;
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(5) };

/// Writes memories.
#[derive(Clone)]
pub struct SyncMemory {
    queue: Arc<dyn MemoryQueue>,
    leases: Arc<dyn Leases>,
    memory: Arc<dyn Memory>,
    store: Arc<dyn Store>,
    forget: ForgetSessions,
    world: World,
}

/// What a round has in hand.
struct Hand {
    /// The leases under which its writes were read.
    leases: Vec<PartitionLease>,
    /// When every call must have ended.
    until: Timestamp,
}

impl SyncMemory {
    /// Builds the use case. The store tells whether a session was deleted meanwhile.
    pub fn new(
        queue: Arc<dyn MemoryQueue>,
        leases: Arc<dyn Leases>,
        memory: Arc<dyn Memory>,
        store: Arc<dyn Store>,
        world: World,
    ) -> Self {
        let forget = ForgetSessions::new(Arc::clone(&queue), Arc::clone(&memory), world.clone());
        Self { queue, leases, memory, store, forget, world }
    }

    /// Writes what is due in this instance's share of the lanes, and forgets what is due, until
    /// `stop`, side by side: neither waits for the other. The lanes are held until what is in hand
    /// is settled.
    pub async fn run(&self, stop: &Stop) {
        let lanes = MemoryLanes::new(OwnerId::from_uuid(self.world.ids.uuid()));
        let done = Stop::new();
        let working = async {
            let writes = self.repeat(&lanes, stop, || self.round(&lanes, stop));
            let forgets = self.repeat(&lanes, stop, || self.forget.round(BATCH, stop));
            join(writes, forgets).await;
            done.trigger();
        };
        let keeping = lanes.shares.keep(&*self.leases, &self.world, &done);
        run_concurrently([working.boxed(), keeping.boxed()]).await;
    }

    /// Makes rounds until `stop`: at once after a full one, else when notified, when there are more
    /// lanes, and from time to time.
    async fn repeat<F>(&self, lanes: &MemoryLanes, stop: &Stop, round: impl Fn() -> F + Send)
    where
        F: Future<Output = PortResult<usize>> + Send,
    {
        let mut waiter = self.world.wake.waiter(Notification::Memory);
        while !stop.is_set() {
            match round().await {
                Ok(BATCH..) => {}
                Ok(_) => {
                    let (grown, look) = (pin!(lanes.shares.grown()), self.world.pause(LOOK, stop));
                    select(select(waiter.wait(), grown), pin!(look)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the memory queue is tried again");
                    self.world.pause(LOOK, stop).await;
                }
            }
        }
    }

    /// Makes the writes that are due. Returns how many there were. Those that failed before are made
    /// each by itself: whatever is wrong with one of them keeps no other waiting.
    async fn round(&self, lanes: &MemoryLanes, stop: &Stop) -> PortResult<usize> {
        let now = self.world.clock.now();
        let leases = lanes.leases(now);
        if leases.is_empty() {
            return Ok(0);
        }
        let mut due = self.queue.due(&leases, BATCH).await?;
        due.retain(|due| lanes.may_make(due, HOLD, now));
        let count = due.len();
        let hand = Hand { leases, until: now + HOLD };
        let (fresh, again): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.tries == 1);
        let fresh = self.make_all(in_calls_of(TOGETHER, fresh), 1, &hand, stop);
        let again = self.make_all(in_calls_of(1, again), CONCURRENCY, &hand, stop);
        let (fresh, again) = join(fresh, again).await;
        fresh.and(again)?;
        if count > 0 {
            self.world.wake.notify(Notification::Outbox);
        }
        Ok(count)
    }

    /// Makes writes, call by call, so many calls at once.
    async fn make_all(
        &self,
        calls: Vec<Vec<DueWrite>>,
        at_once: usize,
        hand: &Hand,
        stop: &Stop,
    ) -> PortResult<()> {
        let in_time = iter(calls).take_while(|_| ready(!stop.is_set()));
        let outcomes: Vec<PortResult<()>> =
            in_time.map(|call| self.make(call, hand)).buffer_unordered(at_once).collect().await;
        outcomes.into_iter().collect()
    }

    /// Makes writes in one call, and settles them in one.
    async fn make(&self, due: Vec<DueWrite>, hand: &Hand) -> PortResult<()> {
        let now = self.world.clock.now();
        if now + LONGEST_WRITE + CLOCK_SKEW > hand.until {
            return Ok(());
        }
        let writes: Vec<MemoryWrite> = due.iter().map(|due| due.write.clone()).collect();
        let span = |due: &DueWrite| spans::remember(&due.write, due.trace.as_ref());
        let all: Vec<_> = due.iter().map(span).collect();
        // What is made in one call belongs to the trace of its first write.
        let remember = self.memory.remember(&writes);
        let remember = remember.instrument(all.first().cloned().unwrap_or_else(Span::none));
        let results = self.world.within(LONGEST_WRITE, remember).await;
        let unknown = PortError::Ambiguous("the memory did not say what became of it".into());
        let of = |place: usize| match &results {
            Ok(results) => results.get(place).map_or(Err(&unknown), |one| one.as_ref().copied()),
            Err(error) => Err(error),
        };
        for (place, span) in all.into_iter().enumerate() {
            if of(place).is_err() {
                spans::failed(&span, "unavailable");
            }
        }
        let settlements: Vec<SettledWrite> = (0..)
            .zip(due)
            .map(|(place, due)| SettledWrite { outcome: self.outcome(&due, of(place), now), due })
            .collect();
        let ours = self.queue.settle(&hand.leases, &settlements).await?;
        for (SettledWrite { due, outcome }, ours) in settlements.iter().zip(ours) {
            match outcome {
                _ if !ours => self.forget_if_deleted(&due.write).await?,
                WriteOutcome::Refused(letter) => {
                    observe::dead_letter(letter, SetAside::Unmemorable);
                }
                WriteOutcome::Made(_) | WriteOutcome::PutOff(_) => {}
            }
        }
        Ok(())
    }

    fn outcome(
        &self,
        due: &DueWrite,
        result: Result<(), &PortError>,
        at: Timestamp,
    ) -> WriteOutcome {
        match result {
            Ok(()) => {
                observe::memory_written("ok");
                WriteOutcome::Made(at)
            }
            Err(error @ PortError::Broken { .. }) => {
                observe::memory_written("failed");
                WriteOutcome::Refused(self.letter(due, &error.to_string()))
            }
            Err(error) => {
                observe::memory_written("retry");
                tracing::warn!(%error, tries = due.tries, "a memory write is put off");
                WriteOutcome::PutOff(BACKOFF.wait(due.tries, self.world.ids.random()))
            }
        }
    }

    /// Forgets a write that may have come after its session was deleted and forgotten: sooner than the
    /// queue has it forgotten again, and also if whoever made it stood still for longer. One that was
    /// only replaced stays: the newer one overwrites it.
    async fn forget_if_deleted(&self, write: &MemoryWrite) -> PortResult<()> {
        let MemoryWrite { tenant, session_id, .. } = write;
        let session = retry(&self.world, TRIES, || self.store.session(tenant, *session_id)).await?;
        if session.is_some() {
            return Ok(());
        }
        retry(&self.world, TRIES, || self.memory.forget_session(tenant, *session_id)).await
    }

    fn letter(&self, due: &DueWrite, error: &str) -> DeadLetter {
        DeadLetter {
            topic: Topic::MemoryWal,
            partition: None,
            offset: None,
            key: due.write.session_id.to_string(),
            tenant: Some(due.write.tenant.clone()),
            payload: serde_json::to_string(&due.write).unwrap_or_default(),
            error: error.into(),
            at: self.world.clock.now(),
            origin: Origin::MemoryWrite,
        }
    }
}

fn in_calls_of(size: usize, mut due: Vec<DueWrite>) -> Vec<Vec<DueWrite>> {
    let mut calls = Vec::new();
    while !due.is_empty() {
        let rest = due.split_off(size.min(due.len()));
        calls.push(std::mem::replace(&mut due, rest));
    }
    calls
}

crate::opaque_debug!(SyncMemory);
