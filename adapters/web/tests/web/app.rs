//! A gateway that is served, and a hand on everything behind it.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use serde_json::Map;
use soma_core::conversation::event::{Event, EventType, NewEvent, Role, Seq};
use soma_core::flows::authenticate::Authenticate;
use soma_core::flows::hub::Hub;
use soma_core::flows::liveness::Liveness;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::NewMessage;
use soma_core::flows::world::World;
use soma_core::identity::Principal;
use soma_core::ids::{EventId, SessionId, TenantId, TurnId};
use soma_core::ports::Store;
use soma_core::stream::delta::Delta;
use soma_core::time::Timestamp;
use soma_core::turn::config::TurnConfig;
use soma_core::work::commit::{Commit, CommitOutcome, Fence, Receipt, TurnProgress};
use soma_core::work::session::{TurnRecord, TurnState};
use soma_decorators::Decorated;
use soma_inproc::{
    CountingIds, InprocAuthenticator, InprocLedger, InprocToolbox, InprocWake, LocalSpawner,
    ManualClock, ManualTimer, Script, ScriptedModel, ScriptedTool,
};
use soma_services::{Composition, Edge, Ports, Settings};
use soma_web::{AllowedHosts, Gateway, Health, HealthReport};
use tokio::task::JoinHandle;

use crate::bells::Bells;
use crate::faulty::Faults;

/// Everything behind the routes.
pub(crate) struct Parts {
    /// What the flows wait by.
    pub(crate) clock: Arc<ManualClock>,
    /// What the routes wait by.
    pub(crate) bells: Arc<Bells>,
    pub(crate) store: Arc<dyn Store>,
    /// What is wrong with the store.
    pub(crate) faults: Faults,
    pub(crate) world: World,
    pub(crate) hub: Hub,
    pub(crate) stop: Stop,
    pub(crate) caller: Principal,
}

pub(crate) fn principal(tenant: &str) -> Principal {
    Principal::new(TenantId::new(tenant).unwrap(), "someone")
}

impl Parts {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_762_171_200_000_000)));
        let (ledger, faults) = (InprocLedger::new(clock.clone()), Faults::default());
        let world = World {
            clock: clock.clone(),
            timer: Arc::new(ManualTimer::new(clock.clone())),
            ids: Arc::new(CountingIds::seeded(1)),
            spawner: Arc::new(LocalSpawner::new()),
            wake: Arc::new(InprocWake::new()),
            liveness: Liveness::OF_ONE,
        };
        Self {
            clock,
            bells: Arc::default(),
            store: Arc::new(Decorated::new(Arc::new(ledger), faults.clone())),
            faults,
            world,
            hub: Hub::new(),
            stop: Stop::new(),
            caller: principal("acme"),
        }
    }

    /// What the gateway is made of: everything in memory, and the tool `echo`.
    pub(crate) fn composition(&self) -> Composition {
        let World { clock, timer, .. } = &self.world;
        let model = ScriptedModel::new(Script::new(), timer.clone(), Duration::from_mins(1));
        let tools = InprocToolbox::new(vec![Arc::new(ScriptedTool::echo("echo"))]);
        let ports = Ports::in_memory(clock, timer, Arc::new(model), Arc::new(tools));
        Composition {
            ports: Ports { store: self.store.clone(), ..ports },
            settings: Settings::of(TurnConfig::of("nobody")),
            world: self.world.clone(),
        }
    }

    pub(crate) fn gateway(&self) -> Gateway {
        let anyone = InprocAuthenticator::anyone(self.caller.clone());
        let edge = Edge {
            authenticate: Authenticate::new(Arc::new(anyone)),
            health: Arc::new(Fine),
            metrics: Arc::new(|| "soma_turns_total 3\n".into()),
            hosts: AllowedHosts::with(["soma.example"]).unwrap(),
            timer: self.bells.clone(),
        };
        self.composition().gateway(&self.hub, &self.stop).routes(edge)
    }

    pub(crate) async fn store_turn(&self, turn: TurnId) -> TurnRecord {
        self.store.turn(turn).await.unwrap().unwrap()
    }
}

/// Ready, with nothing to report.
pub(crate) struct Fine;

#[async_trait]
impl Health for Fine {
    async fn report(&self) -> HealthReport {
        HealthReport::default()
    }

    fn not_ready(&self) -> Option<String> {
        None
    }
}

/// A gateway that is served until this is dropped.
pub(crate) struct App {
    pub(crate) parts: Parts,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.parts.stop.trigger();
    }
}

impl App {
    pub(crate) fn start() -> Self {
        Self::with(|_, _| ())
    }

    /// Starts with a gateway that was changed.
    #[expect(clippy::disallowed_methods, reason = "the test owns the server's task")]
    pub(crate) fn with(change: impl FnOnce(&Parts, &mut Gateway)) -> Self {
        let parts = Parts::new();
        let mut gateway = parts.gateway();
        change(&parts, &mut gateway);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = parts.stop.clone();
        let serving = soma_web::serve(gateway.clone(), listener, stop, Duration::from_secs(5));
        Self { parts, gateway, address, served: tokio::spawn(serving) }
    }

    /// Lets the flows' time pass until `done` resolves.
    pub(crate) async fn while_time_passes<F: Future>(&self, done: F) -> F::Output {
        let done = std::pin::pin!(done);
        let passing = std::pin::pin!(async {
            loop {
                self.parts.clock.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        });
        match select(done, passing).await {
            Either::Left((output, _)) => output,
            Either::Right((never, _)) => never,
        }
    }

    /// A person of this tenant says something.
    pub(crate) async fn said_by(&self, tenant: &str, session: Option<SessionId>) -> Receipt {
        let message =
            NewMessage { session_id: session, message: "hello".into(), ..NewMessage::default() };
        self.gateway.submit_message.run(&principal(tenant), message).await.unwrap()
    }

    /// The caller says something in a new session.
    pub(crate) async fn said(&self) -> Receipt {
        self.said_by("acme", None).await
    }

    /// A piece of the answer reaches the hub.
    pub(crate) fn piece(&self, turn: &Receipt, attempt: u32, offset: usize, text: &str) {
        let delta = Delta::new(turn.session_id, turn.turn_id, Seq(1), attempt);
        self.parts.hub.delta(&delta.piece(offset, text));
    }

    /// The answer ends at its first attempt: its event is recorded, and reaches the hub.
    pub(crate) async fn finished(&self, turn: &Receipt, text: &str) -> Arc<Event> {
        self.finished_at(turn, 1, text).await
    }

    /// The answer ends at this attempt.
    pub(crate) async fn finished_at(&self, turn: &Receipt, attempt: u32, text: &str) -> Arc<Event> {
        let mut commit = self.commit(turn, EventType::AssistantFinal, attempt);
        text.clone_into(&mut commit.events[0].message);
        commit.turn = Some(TurnProgress {
            turn_id: turn.turn_id,
            from_step: 1,
            inputs: Vec::new(),
            state: TurnState::Done,
        });
        self.record(commit).await
    }

    /// Another event of an attempt is recorded, and reaches the hub.
    pub(crate) async fn happened(
        &self,
        turn: &Receipt,
        kind: EventType,
        attempt: u32,
    ) -> Arc<Event> {
        self.record(self.commit(turn, kind, attempt)).await
    }

    fn commit(&self, turn: &Receipt, kind: EventType, attempt: u32) -> Commit {
        let now = self.parts.world.clock.now();
        let tenant = self.parts.caller.tenant.clone();
        let mut commit = Commit::new(tenant, turn.session_id, Fence::Open, now);
        commit.events = vec![NewEvent {
            event_id: EventId::from_uuid(self.parts.world.ids.uuid()),
            turn_id: Some(turn.turn_id),
            persona_id: None,
            role: Role::Assistant,
            kind,
            message: String::new(),
            metadata: Map::from_iter([("attempt".into(), attempt.into())]),
            occurred_at: now,
            nonce: self.parts.world.ids.nonce(),
        }];
        commit
    }

    async fn record(&self, commit: Commit) -> Arc<Event> {
        let outcome = self.parts.store.commit(commit).await.unwrap();
        let CommitOutcome::Committed(mut events) = outcome else { panic!("{outcome:?}") };
        let event = Arc::new(events.remove(0));
        self.parts.hub.event(Arc::clone(&event));
        event
    }
}

/// An id of a session that is nowhere.
pub(crate) fn nowhere() -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(404))
}

/// An id of a turn, from its text.
pub(crate) fn turn_of(value: &serde_json::Value) -> TurnId {
    value.as_str().unwrap().parse().unwrap()
}
