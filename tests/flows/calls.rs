//! How often a port is called is part of its cost.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use mockall::{Sequence, mock};
use soma_core::contract::clock::ManualClock;
use soma_core::contract::damage::NoDamage;
use soma_core::contract::ledger::Ledger;
use soma_core::contract::talk::talk;
use soma_core::conversation::event::{Event, Seq};
use soma_core::flows::answer_message::{AnswerMessage, AnswerPorts};
use soma_core::flows::claims::{Capacity, Claims};
use soma_core::flows::liveness::Liveness;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ids::{CallId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::ports::work::{Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release};
use soma_core::ports::{PortResult, Store, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallRecord;
use soma_core::turn::config::TurnConfig;
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::{Commit, CommitOutcome, WorkKind};
use soma_core::work::ingest::{BatchOutcome, WorkBatch};
use soma_core::work::session::{EventRange, Session, TurnRecord, TurnState};
use soma_inproc::{InprocBudget, InprocLedger};
use soma_tests::platform::{Cast, Stage, Tools};
use soma_tokio::TokioSpawner;
use tokio::runtime::Handle;

mock! {
    Store {}

    #[async_trait]
    impl Store for Store {
        async fn commit(&self, commit: Commit) -> PortResult<CommitOutcome>;
        async fn session(&self, tenant: &TenantId, session: SessionId) -> PortResult<Option<Session>>;
        async fn sessions(
            &self,
            tenant: &TenantId,
            after: Option<(Timestamp, SessionId)>,
            limit: usize,
        ) -> PortResult<Vec<Session>>;
        async fn heads(&self, sessions: &[(TenantId, SessionId)]) -> PortResult<Vec<Option<Seq>>>;
        async fn events(
            &self,
            tenant: &TenantId,
            session: SessionId,
            range: EventRange,
            limit: usize,
        ) -> PortResult<Vec<Event>>;
        async fn turn(&self, turn: TurnId) -> PortResult<Option<TurnRecord>>;
        async fn open_calls(&self, session: SessionId) -> PortResult<Vec<CallRecord>>;
        async fn call(&self, call: CallId) -> PortResult<Option<CallRecord>>;
        async fn erase(&self, tenant: &TenantId, session: SessionId, at: Timestamp)
        -> PortResult<bool>;
    }
}

mock! {
    Work {}

    #[async_trait]
    impl Work for Work {
        async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome>;
        async fn recover_overdue(&self, kind: WorkKind, age: Duration, limit: usize)
        -> PortResult<usize>;
        async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed>;
        async fn heartbeat(
            &self,
            kind: WorkKind,
            owner: OwnerId,
            holding: &[Holding],
            ttl: Duration,
        ) -> PortResult<Heartbeat>;
        async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()>;
        async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()>;
        async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog>;
        async fn depth(&self, kind: WorkKind) -> PortResult<usize>;
    }
}

/// What a port in memory answers: it never waits.
fn now<T>(answer: impl Future<Output = PortResult<T>>) -> PortResult<T> {
    answer.now_or_never().unwrap()
}

/// A store that takes two commits of a turn, of which the second ends it, and reads its events once
/// for the history.
fn two_commits(ledger: &Arc<InprocLedger>, ended: &Stop) -> MockStore {
    let (mut store, mut order) = (MockStore::new(), Sequence::new());
    let (first, last, reads) = (Arc::clone(ledger), Arc::clone(ledger), Arc::clone(ledger));
    store
        .expect_events()
        .times(1)
        .returning(move |tenant, id, range, limit| now(reads.events(tenant, id, range, limit)));
    store
        .expect_commit()
        .times(1)
        .in_sequence(&mut order)
        .withf(|commit| !commit.release)
        .returning(move |commit| now(first.commit(commit)));
    let ended = ended.clone();
    store
        .expect_commit()
        .times(1)
        .in_sequence(&mut order)
        .withf(|commit| commit.release)
        .returning(move |commit| {
            ended.trigger();
            now(last.commit(commit))
        });
    store
}

/// A queue that is asked once, and left by whoever stops. Nobody keeps alive what is done at once, and
/// nobody releases what a commit has released.
fn one_claim(ledger: &Arc<InprocLedger>) -> MockWork {
    let (mut work, claims) = (MockWork::new(), Arc::clone(ledger));
    work.expect_claim().times(1).returning(move |request| now(claims.claim(request)));
    work.expect_recover_overdue().times(1).returning(|_, _, _| Ok(0));
    work.expect_leave().times(1).returning(|_, _| Ok(()));
    work
}

/// Nothing else is asked of store and queue: neither the session nor the turn, which the claim brought.
#[tokio::test(start_paused = true)]
async fn turn_without_tools_costs_one_claim_and_two_commits() {
    let (stage, clock, ended) = (Stage::new(), Arc::new(ManualClock::default()), Stop::new());
    let ledger = Arc::new(InprocLedger::new(clock.clone()));
    let budget = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
    let ports = Ledger::of(Arc::clone(&ledger), budget, clock, Arc::new(NoDamage));
    ports.ready(&talk(1), 1).await;
    let ports = stage.ports(Cast::saying(&stage, "Yes."), Tools::none());
    let world = World {
        clock: Arc::clone(&stage.clock),
        timer: Arc::clone(&stage.timer),
        ids: Arc::clone(&stage.ids),
        spawner: Arc::new(TokioSpawner::new(Handle::current())),
        wake: Arc::clone(&stage.wake),
        liveness: Liveness::OF_MANY,
    };
    let ports = AnswerPorts {
        store: Arc::new(two_commits(&ledger, &ended)),
        log: ports.log,
        policy: ports.policy,
        budget: ports.budget,
        memory: ports.memory,
        model: ports.model,
        tools: ports.tools,
    };
    let answer = AnswerMessage::new(ports, TurnConfig::of("model"), world.clone());
    let work = Arc::new(one_claim(&ledger));

    Claims::new(work, Arc::new(answer), WorkKind::Turns, Capacity::default(), world)
        .run(&ended)
        .await;

    let turn = now(ledger.turn(talk(1).turn(1))).unwrap().unwrap();
    assert_eq!(turn.state, TurnState::Done);
}
