//! Makes the memory writes that commits left to be made, until each is made or can never be, and
//! forgets what was erased.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, select};
use futures_util::stream::{StreamExt, iter};

use super::forget_sessions::ForgetSessions;
use super::persist::retry;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::memory::MemoryWrite;
use crate::observe::{self, SetAside};
use crate::outbox::backoff::Backoff;
use crate::outbox::dead::DeadLetter;
use crate::outbox::topic::Topic;
use crate::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use crate::ports::{CLOCK_SKEW, Memory, MemoryQueue, Notification, PortError, PortResult, Store};
use crate::time::Timestamp;

const BATCH: usize = 100;
/// How many writes are made in one call; those that failed before are made each by itself.
const TOGETHER: usize = 32;
/// How many such calls are made at once.
const CONCURRENCY: usize = 8;
/// How long a write may take; then it is tried again later.
const LONGEST_WRITE: Duration = Duration::from_secs(10);
/// How long a write may be in hand before another instance makes it: none is begun that may take
/// longer.
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
    memory: Arc<dyn Memory>,
    store: Arc<dyn Store>,
    forget: ForgetSessions,
    world: World,
}

impl SyncMemory {
    /// Puts the use case together. The store tells whether a session was deleted meanwhile.
    pub fn new(
        queue: Arc<dyn MemoryQueue>,
        memory: Arc<dyn Memory>,
        store: Arc<dyn Store>,
        world: World,
    ) -> Self {
        let forget = ForgetSessions::new(Arc::clone(&queue), Arc::clone(&memory), world.clone());
        Self { queue, memory, store, forget, world }
    }

    /// Writes and forgets what is due until `stop`, side by side: neither waits for the other.
    pub async fn run(&self, stop: &Stop) {
        let owner = OwnerId::from_uuid(self.world.ids.uuid());
        let writes = self.repeat(stop, || self.round(owner, stop));
        let forgets = self.repeat(stop, || self.forget.round(BATCH, stop));
        join(writes, forgets).await;
    }

    /// Makes rounds until `stop`: at once after a full one, else when notified and from time to time.
    async fn repeat<F>(&self, stop: &Stop, round: impl Fn() -> F + Send)
    where
        F: Future<Output = PortResult<usize>> + Send,
    {
        let mut waiter = self.world.wake.waiter(Notification::Memory);
        while !stop.is_set() {
            match round().await {
                Ok(BATCH..) => {}
                Ok(_) => {
                    let look = self.world.pause(LOOK, stop);
                    select(waiter.wait(), std::pin::pin!(look)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the memory queue is tried again");
                    self.world.pause(LOOK, stop).await;
                }
            }
        }
    }

    /// Makes the writes that are due. Answers how many there were. Those that failed before are made
    /// each by itself: whatever is wrong with one of them keeps no other waiting.
    async fn round(&self, owner: OwnerId, stop: &Stop) -> PortResult<usize> {
        // They are held from a later moment on.
        let held_until = self.world.clock.now() + HOLD;
        let due = self.queue.due(owner, HOLD, BATCH).await?;
        let count = due.len();
        let (fresh, again): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.tries == 1);
        let fresh = self.make_all(in_calls_of(TOGETHER, fresh), 1, held_until, stop);
        let again = self.make_all(in_calls_of(1, again), CONCURRENCY, held_until, stop);
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
        held_until: Timestamp,
        stop: &Stop,
    ) -> PortResult<()> {
        let in_time = iter(calls).take_while(|_| ready(!stop.is_set()));
        let outcomes: Vec<PortResult<()>> = in_time
            .map(|call| self.make(call, held_until))
            .buffer_unordered(at_once)
            .collect()
            .await;
        outcomes.into_iter().collect()
    }

    /// Makes writes in one call, and settles them in one.
    async fn make(&self, due: Vec<DueWrite>, held_until: Timestamp) -> PortResult<()> {
        let now = self.world.clock.now();
        if now + LONGEST_WRITE + CLOCK_SKEW > held_until {
            return Ok(());
        }
        let writes: Vec<MemoryWrite> = due.iter().map(|due| due.write.clone()).collect();
        let results = self.world.within(LONGEST_WRITE, self.memory.remember(&writes)).await;
        let unknown = PortError::Ambiguous("the memory did not say what became of it".into());
        let of = |place: usize| match &results {
            Ok(results) => results.get(place).map_or(Err(&unknown), |one| one.as_ref().copied()),
            Err(error) => Err(error),
        };
        let settlements: Vec<SettledWrite> = (0..)
            .zip(due)
            .map(|(place, due)| SettledWrite { outcome: self.outcome(&due, of(place), now), due })
            .collect();
        let ours = self.queue.settle(&settlements).await?;
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
