//! Claims sessions with work and keeps each claim alive while it is worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event as Signal;
use futures_util::future::{Either, FutureExt, select};

use super::run_concurrently::run_concurrently;
use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::ports::work::{Claim, Heartbeat, Release};
use crate::ports::{Notification, PortResult, Work};
use crate::work::commit::WorkKind;

/// How long a claim holds without being kept alive.
const TTL: Duration = Duration::from_secs(10);
/// How often it is kept alive.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often an instance that was not notified looks for work.
const LOOK: Duration = Duration::from_secs(1);
/// How soon it is tried again after claiming failed.
const AGAIN: Duration = Duration::from_millis(250);
/// How long after its commit work is overdue: far longer than a log that works needs to carry it.
const OVERDUE: Duration = Duration::from_mins(1);
/// How often an instance looks for what is overdue.
const OVERDUE_LOOK: Duration = Duration::from_secs(30);
/// How much of it is recovered at once.
const OVERDUE_BATCH: usize = 500;
/// How long a handler may still take to commit where it is, when the drain time is over.
const LAST_COMMIT: Duration = Duration::from_secs(1);
/// How long a session rests after its work failed.
const REST: Duration = Duration::from_secs(1);

/// How much an instance works on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The most sessions; at least 1.
    pub sessions: usize,
    /// The most sessions of one tenant, over all instances; at least 1.
    pub per_tenant: usize,
    /// How long what is in hand may take when the service stops.
    pub drain: Duration,
}

impl Default for Capacity {
    /// 64 sessions, and 10 seconds to finish.
    fn default() -> Self {
        Self { sessions: 64, per_tenant: 64, drain: Duration::from_secs(10) }
    }
}

/// What a handler is told while it works.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// A person cancelled the turn.
    pub cancelled: Stop,
    /// The service stops, and there is no more time: what can be committed at once still is.
    pub stopping: Stop,
}

impl Signals {
    /// Comes back once either is given.
    pub async fn wait(&self) {
        let (cancelled, stopping) = (self.cancelled.wait(), self.stopping.wait());
        select(std::pin::pin!(cancelled), std::pin::pin!(stopping)).await;
    }

    /// Whether either was given.
    pub fn is_set(&self) -> bool {
        self.cancelled.is_set() || self.stopping.is_set()
    }
}

/// Does the work of a claim.
#[async_trait]
pub trait Handle: Send + Sync {
    /// Works until there is nothing more to do for this claim, or it is to stop. May be dropped at any
    /// point: what was committed stands.
    ///
    /// # Errors
    ///
    /// A port's: the session is released and taken up again later. Only what would fail again
    /// counts as a try.
    async fn handle(&self, claim: &Claim, signals: &Signals) -> PortResult<()>;
}

/// Claims work of one kind.
#[derive(Clone)]
pub struct Claims {
    work: Arc<dyn Work>,
    handle: Arc<dyn Handle>,
    kind: WorkKind,
    capacity: Capacity,
    world: World,
    in_hand: Arc<InHand>,
}

#[derive(Default)]
struct InHand {
    count: AtomicUsize,
    finished: Signal,
}

impl Claims {
    /// Puts the use case together.
    pub fn new(
        work: Arc<dyn Work>,
        handle: Arc<dyn Handle>,
        kind: WorkKind,
        capacity: Capacity,
        world: World,
    ) -> Self {
        Self { work, handle, kind, capacity, world, in_hand: Arc::default() }
    }

    /// Works until `stop`, then finishes what is in hand, or releases it when the drain time is
    /// over.
    pub async fn run(&self, stop: &Stop) {
        let abandon = Stop::new();
        run_concurrently([
            self.claim_all(stop, &abandon).boxed(),
            self.recover_overdue(stop).boxed(),
        ])
        .await;
        let drain = self.world.timer.sleep(self.capacity.drain);
        select(self.idle().boxed(), drain).await;
        abandon.trigger();
        self.idle().await;
    }

    const fn notification(&self) -> Notification {
        match self.kind {
            WorkKind::Turns => Notification::Turns,
            WorkKind::Calls => Notification::Calls,
        }
    }

    /// Claims and starts what there is, until `stop`.
    async fn claim_all(&self, stop: &Stop, abandon: &Stop) {
        let owner = OwnerId::from_uuid(self.world.ids.uuid());
        let mut waiter = self.world.wake.waiter(self.notification());
        while !stop.is_set() {
            let finished = self.in_hand.finished.listen();
            let full = self.in_hand.count.load(Ordering::SeqCst) >= self.capacity.sessions;
            let claim = if full { Ok(None) } else { self.claim(owner).await };
            match claim {
                Ok(Some(claim)) => self.start(claim, abandon),
                Ok(None) => {
                    let look = std::pin::pin!(self.world.pause(LOOK, stop));
                    select(select(waiter.wait(), finished), look).await;
                }
                Err(error) => {
                    tracing::warn!(%error, kind = ?self.kind, "claiming is tried again");
                    self.world.pause(AGAIN, stop).await;
                }
            }
        }
    }

    /// Takes in, until `stop`, what the log should have carried here long ago: the store has it, and
    /// the log may have lost it.
    async fn recover_overdue(&self, stop: &Stop) {
        while !stop.is_set() {
            let before = self.world.clock.now() - OVERDUE;
            match self.work.recover_overdue(self.kind, before, OVERDUE_BATCH).await {
                Ok(0) => self.world.pause(OVERDUE_LOOK, stop).await,
                Ok(count) => {
                    tracing::warn!(count, kind = ?self.kind, "work was ingested without its record");
                    self.world.wake.notify(self.notification());
                }
                Err(error) => {
                    tracing::warn!(%error, kind = ?self.kind, "looking for what is overdue failed");
                    self.world.pause(OVERDUE_LOOK, stop).await;
                }
            }
        }
    }

    async fn claim(&self, owner: OwnerId) -> PortResult<Option<Claim>> {
        let now = self.world.clock.now();
        self.work.claim(self.kind, owner, now, TTL, self.capacity.per_tenant).await
    }

    /// Comes back once nothing is in hand.
    async fn idle(&self) {
        loop {
            let finished = self.in_hand.finished.listen();
            if self.in_hand.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            finished.await;
        }
    }

    fn start(&self, claim: Claim, abandon: &Stop) {
        self.in_hand.count.fetch_add(1, Ordering::SeqCst);
        let guard = Guard(Arc::clone(&self.in_hand));
        let (this, abandon) = (self.clone(), abandon.clone());
        self.world.spawner.spawn(Box::pin(async move {
            this.work_on(&claim, &abandon).await;
            drop(guard);
        }));
    }

    async fn work_on(&self, claim: &Claim, abandon: &Stop) {
        let signals = Signals { cancelled: Stop::new(), stopping: abandon.clone() };
        let handling = self.handle.handle(claim, &signals);
        let keeping = std::pin::pin!(self.keep_alive(claim, &signals.cancelled));
        let abandoned = std::pin::pin!(async {
            abandon.wait().await;
            self.world.timer.sleep(LAST_COMMIT).await;
        });
        let (how, rest) = match select(handling, select(keeping, abandoned)).await {
            Either::Left((Ok(()), _)) | Either::Right((Either::Right(_), _)) => {
                (Release::Orderly, Duration::ZERO)
            }
            Either::Left((Err(error), _)) => {
                tracing::warn!(%error, session = %claim.session_id, "a session is released");
                let passing = error.is_transient();
                (if passing { Release::Orderly } else { Release::Failed }, REST)
            }
            Either::Right((Either::Left(_), _)) => {
                tracing::warn!(session = %claim.session_id, "a claim was lost");
                return;
            }
        };
        let now = self.world.clock.now();
        if let Err(error) = self.work.release(claim, how, now, rest).await {
            tracing::debug!(%error, session = %claim.session_id, "a claim ends by itself");
        }
    }

    /// Comes back when the claim is lost. Gives `cancelled` when a person cancels the turn.
    async fn keep_alive(&self, claim: &Claim, cancelled: &Stop) {
        let mut waiter = self.world.wake.waiter(Notification::Cancel(claim.session_id));
        let mut last_heartbeat = self.world.clock.now();
        loop {
            select(waiter.wait(), self.world.timer.sleep(HEARTBEAT)).await;
            let now = self.world.clock.now();
            match self.work.heartbeat(claim, now, TTL).await {
                Ok(Heartbeat::Held) => last_heartbeat = now,
                Ok(Heartbeat::CancelRequested) => {
                    last_heartbeat = now;
                    cancelled.trigger();
                }
                Ok(Heartbeat::Lost) => return,
                Err(error) => {
                    tracing::debug!(%error, "a claim could not be kept alive");
                    if now.since(last_heartbeat) + HEARTBEAT >= TTL {
                        return;
                    }
                }
            }
        }
    }
}

/// Counts a session as in hand until it is dropped, also by a panic.
struct Guard(Arc<InHand>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.finished.notify(usize::MAX);
    }
}

crate::opaque_debug!(Claims);
