//! Claims sessions with work, and keeps the claims alive while they are worked on.

mod cancelled_turns;
mod in_hand;

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, FutureExt, select};

use super::liveness::Liveness;
use super::persist::retry;
use super::run_concurrently::run_concurrently;
use super::stop::Stop;
use super::world::World;
use crate::ids::{OwnerId, TurnId};
use crate::ports::work::{Claim, ClaimRequest, Claimed, Release};
use crate::ports::{Notification, PortResult, Waiter, Work};
use crate::work::commit::WorkKind;
pub use cancelled_turns::CancelledTurns;
use in_hand::{InHand, Signs};

/// How soon it is tried again after claiming failed.
const AGAIN: Duration = Duration::from_millis(250);
/// How often an instance that stops says so: if nobody hears it, it is found dead.
const FAREWELLS: u32 = 3;
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
pub struct Told {
    /// The turns that a person cancelled.
    pub cancelled: CancelledTurns,
    /// The service stops, and there is no more time: what can be committed at once still is.
    pub stopping: Stop,
    /// Given by the handler before the commit that releases the claim. From then on that commit's
    /// outcome tells whether the claim is still held: a heartbeat may find it released before the
    /// handler hears of it.
    pub releasing: Stop,
}

impl Told {
    /// What of it is about one turn.
    pub fn of(&self, turn: TurnId) -> Signals {
        let (stopping, releasing) = (self.stopping.clone(), self.releasing.clone());
        Signals { cancelled: self.cancelled.of(turn), stopping, releasing }
    }
}

/// What whoever works on a turn is told.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// A person cancelled the turn.
    pub cancelled: Stop,
    /// As in [`Told`].
    pub stopping: Stop,
    /// As in [`Told`].
    pub releasing: Stop,
}

impl Signals {
    /// Resolves once either is given.
    pub async fn wait(&self) {
        let (cancelled, stopping) = (self.cancelled.wait(), self.stopping.wait());
        select(std::pin::pin!(cancelled), std::pin::pin!(stopping)).await;
    }

    /// Whether either was given.
    pub fn is_set(&self) -> bool {
        self.cancelled.is_set() || self.stopping.is_set()
    }
}

/// What a handler leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// Whether its last commit released the claim.
    pub released: bool,
    /// Whether the session may have more work already: somebody else wrote in it meanwhile.
    pub more: bool,
}

/// Does the work of a claim.
#[async_trait]
pub trait Handle: Send + Sync {
    /// Works until there is nothing more to do for this claim, or it is to stop. May be dropped at any
    /// point: what was committed stands. Returns what is left to do about the claim.
    ///
    /// # Errors
    ///
    /// A port's: the session is released and taken up again later. Only what would fail again
    /// counts as a try.
    async fn handle(&self, claim: &Claim, told: &Told) -> PortResult<Handled>;
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

impl Claims {
    /// Builds the use case.
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
        let owner = OwnerId::from_uuid(self.world.ids.uuid());
        let (abandon, over) = (Stop::new(), Stop::new());
        let working = async {
            self.claim_all(owner, stop, &abandon).await;
            let drain = self.world.timer.sleep(self.capacity.drain);
            select(self.in_hand.empty().boxed(), drain).await;
            abandon.trigger();
            self.in_hand.empty().await;
            over.trigger();
        };
        run_concurrently([
            working.boxed(),
            self.recover_overdue(stop).boxed(),
            self.keep_alive(owner, &over).boxed(),
        ])
        .await;
        let left = retry(&self.world, FAREWELLS, || self.work.leave(self.kind, owner)).await;
        if let Err(error) = left {
            tracing::debug!(%error, kind = ?self.kind, "nobody heard that this instance stops");
        }
    }

    const fn notification(&self) -> Notification {
        match self.kind {
            WorkKind::Turns => Notification::Turns,
            WorkKind::Calls => Notification::Calls,
        }
    }

    /// Claims and starts what there is, until `stop`.
    async fn claim_all(&self, owner: OwnerId, stop: &Stop, abandon: &Stop) {
        let mut waiter = self.world.wake.waiter(self.notification());
        while !stop.is_set() {
            let finished = self.in_hand.finished();
            let room = self.capacity.sessions.saturating_sub(self.in_hand.count());
            if room == 0 {
                select(finished, std::pin::pin!(stop.wait())).await;
                continue;
            }
            match self.claim(owner, room).await {
                Ok(Claimed { claims, more }) => {
                    let all = claims.len() < room;
                    for claim in claims {
                        self.start(claim, abandon);
                    }
                    if all {
                        self.until_there_may_be_more(&mut *waiter, more, stop).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, kind = ?self.kind, "claiming is tried again");
                    self.world.pause(AGAIN, stop).await;
                }
            }
        }
    }

    /// Resolves once it is worth asking for work again: somebody says so, what is finished here may
    /// have left some, or nobody said anything for a while. `more` is whether any release makes room.
    async fn until_there_may_be_more(&self, waiter: &mut dyn Waiter, more: bool, stop: &Stop) {
        let mut told = std::pin::pin!(async {
            let look = std::pin::pin!(self.world.pause(self.world.liveness.look(), stop));
            select(waiter.wait(), look).await;
        });
        loop {
            let finished = self.in_hand.finished();
            if self.in_hand.left_more() {
                return;
            }
            match select(told, finished).await {
                Either::Left(_) => return,
                Either::Right(_) if more => return,
                Either::Right(((), still)) => told = still,
            }
        }
    }

    /// Takes in, until `stop`, what the log should have carried here long ago: the store has it, and
    /// the log may have lost it.
    async fn recover_overdue(&self, stop: &Stop) {
        while !stop.is_set() {
            match self.work.recover_overdue(self.kind, OVERDUE, OVERDUE_BATCH).await {
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

    async fn claim(&self, owner: OwnerId, most: usize) -> PortResult<Claimed> {
        let asked = self.world.clock.now();
        self.in_hand.left_more();
        let request = ClaimRequest {
            kind: self.kind,
            owner,
            holding: self.in_hand.holding(),
            most,
            ttl: self.world.liveness.ttl,
            tenant_cap: self.capacity.per_tenant,
        };
        let claimed = self.work.claim(request).await?;
        if !claimed.claims.is_empty() {
            self.in_hand.heard(asked);
        }
        Ok(claimed)
    }

    fn start(&self, claim: Claim, abandon: &Stop) {
        let (signs, guard) = InHand::take(&self.in_hand, claim.holding());
        let (this, abandon) = (self.clone(), abandon.clone());
        self.world.spawner.spawn(Box::pin(async move {
            this.work_on(&claim, &signs, &abandon).await;
            drop(guard);
        }));
    }

    async fn work_on(&self, claim: &Claim, signs: &Signs, abandon: &Stop) {
        let cancelled = signs.cancelled.clone();
        let told = Told { cancelled, stopping: abandon.clone(), releasing: Stop::new() };
        let handling = AssertUnwindSafe(self.handle.handle(claim, &told)).catch_unwind();
        let lost = async {
            signs.lost.wait().await;
            if told.releasing.is_set() {
                pending::<()>().await;
            }
        };
        let lost = select(lost.boxed(), self.ask_when_cancelled(claim).boxed());
        let abandoned = std::pin::pin!(async {
            abandon.wait().await;
            self.world.timer.sleep(LAST_COMMIT).await;
        });
        let end = match select(handling, select(lost, abandoned)).await {
            Either::Left((handled, _)) => end_of(claim, handled),
            Either::Right((Either::Right(_), _)) => End::Release(Release::Orderly, Duration::ZERO),
            Either::Right((Either::Left(_), _)) => End::Lost,
        };
        match end {
            End::Released { more } => self.in_hand.note(more),
            End::Done { more } => {
                self.release(claim, Release::Orderly, Duration::ZERO).await;
                self.in_hand.note(more);
            }
            End::Release(how, rest) => {
                self.release(claim, how, rest).await;
                self.in_hand.note(false);
            }
            End::Lost => tracing::warn!(session = %claim.session_id, "a claim was lost"),
        }
    }

    async fn release(&self, claim: &Claim, how: Release, rest: Duration) {
        if let Err(error) = self.work.release(claim, how, rest).await {
            tracing::debug!(%error, session = %claim.session_id, "a claim is freed later");
        }
    }

    /// Has the claims looked after at once when a turn of the session is cancelled.
    async fn ask_when_cancelled(&self, claim: &Claim) {
        let mut waiter = self.world.wake.waiter(Notification::Cancel(claim.session_id));
        loop {
            waiter.wait().await;
            self.in_hand.ask();
        }
    }

    /// Says that this instance is alive while it holds something, until it is `over`. Tells those who
    /// work that a claim was lost, or a turn cancelled.
    async fn keep_alive(&self, owner: OwnerId, over: &Stop) {
        let Liveness { ttl, heartbeat: often } = self.world.liveness;
        while !over.is_set() {
            let asked = std::pin::pin!(self.in_hand.asked());
            let pause = std::pin::pin!(self.world.pause(often, over));
            select(asked, pause).await;
            let holding = self.in_hand.holding();
            if holding.is_empty() {
                continue;
            }
            let now = self.world.clock.now();
            let heartbeat = self.work.heartbeat(self.kind, owner, &holding, ttl);
            match self.world.within(often * 2, heartbeat).await {
                Ok(told) => {
                    self.in_hand.heard(now);
                    self.in_hand.tell(&told);
                }
                Err(error) => {
                    tracing::debug!(%error, "claims could not be kept alive");
                    self.in_hand.lose_unless_heard(now + often, ttl);
                }
            }
        }
    }
}

/// How the work of a claim ended.
enum End {
    /// The last commit released it.
    Released { more: bool },
    /// There is nothing more to do for now, and it is still held.
    Done { more: bool },
    /// It is given up, and rests for so long.
    Release(Release, Duration),
    /// It is someone else's.
    Lost,
}

fn end_of(claim: &Claim, handled: std::thread::Result<PortResult<Handled>>) -> End {
    match handled {
        Ok(Ok(Handled { released: true, more })) => End::Released { more },
        Ok(Ok(Handled { released: false, more })) => End::Done { more },
        Ok(Err(error)) => {
            tracing::warn!(%error, session = %claim.session_id, "a session is released");
            let passing = error.is_transient();
            End::Release(if passing { Release::Orderly } else { Release::Failed }, REST)
        }
        Err(_) => {
            tracing::error!(session = %claim.session_id, "the work of a session panicked");
            End::Release(Release::Failed, REST)
        }
    }
}

crate::opaque_debug!(Claims);
