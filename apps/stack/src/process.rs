//! A service from its first line to its last.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use soma_assembly::{Queues, Reached, describe_metrics, gateway, hosts, listen, settings};
use soma_core::flows::hub::Hub;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_runtime::config::{Config, Engines, OperationsPorts, process_env};
use soma_runtime::report::Fatal;
use soma_runtime::shutdown::stop_on_signals;
use soma_runtime::telemetry::{self, Logs};
use soma_services::{Background, Composition, Factory, Supervisor, Unit};
use soma_tokio::{TokioSpawner, TokioTimer};
use soma_web::{Operations, serve_operations};
use tokio::runtime::Handle;

use crate::engines::{self, Neighbours};
use crate::health::{ProcessHealth, Started};
use crate::probes::{self, Probes};
use crate::waiting::Waiting;

/// How long the last notifications may take.
const FAREWELL: Duration = Duration::from_secs(1);

type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Runs a service as this process, until it is told to stop. With the argument `migrate` it brings the
/// database to the schema of this build in place of that, as the role that owns it.
pub fn main(unit: Unit) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => run(unit),
        (Some("migrate"), None) => migrate(unit),
        _ => Err(Fatal::new("it takes no argument but `migrate`", "")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => fatal.report(&name(unit)),
    }
}

fn migrate(unit: Unit) -> Result<(), Fatal> {
    let (config, engines) = Engines::load(&process_env)?;
    telemetry::init(&config.log, Logs::of_service(), &name(unit))?;
    let Some(owner) = &engines.postgres.owner_dsn else {
        return Err(Fatal::new("the owner of the schema is not known", "set POSTGRES_OWNER_DSN"));
    };
    let owner = engines::postgres(&engines, owner.expose(), &name(unit));
    let migrated = async move {
        let steps = soma_postgres::migrate(&owner).await;
        let steps = steps.map_err(|error| Fatal::new(error, "see to POSTGRES_OWNER_DSN"))?;
        tracing::info!(steps, "the database is at the schema of this build");
        Ok(())
    };
    soma_runtime::block_on(migrated).map_err(|error| Fatal::new(error, ""))?
}

fn run(unit: Unit) -> Result<(), Fatal> {
    soma_model::install_tls();
    let (config, engines) = Engines::load(&process_env)?;
    let metrics = telemetry::init(&config.log, Logs::of_service(), &name(unit))?;
    describe_metrics();
    let metrics: Metrics = Arc::new(move || metrics.render());
    let process = async move {
        let stop = Stop::new();
        stop_on_signals(stop.clone()).map_err(|error| Fatal::new(error, ""))?;
        let process = Process::begin(unit, config, engines, metrics, stop)?;
        process.live().await
    };
    soma_runtime::block_on(process).map_err(|error| Fatal::new(error, ""))?
}

/// The name of the binary.
fn name(unit: Unit) -> String {
    format!("soma-{}", unit.name())
}

/// One service.
struct Process {
    unit: Unit,
    config: Config,
    engines: Engines,
    metrics: Metrics,
    stop: Stop,
    /// Given once the service has stopped: until then operators are answered.
    over: Stop,
    spawner: TokioSpawner,
    neighbours: Neighbours,
    probes: Arc<Probes>,
    health: Arc<ProcessHealth>,
    duty: Duty,
}

/// What a process is there for.
enum Duty {
    /// To serve clients, who connect here.
    Gateway(Arc<TcpListener>),
    /// A service that nobody calls.
    Background(Background),
}

impl Duty {
    fn begin(unit: Unit, config: &Config) -> Result<Self, Fatal> {
        if let Some(make) = unit.background() {
            return Ok(Self::Background(make));
        }
        let address = SocketAddr::new(config.bind, config.port);
        Ok(Self::Gateway(Arc::new(listen(address, "with GATEWAY_PORT or SOMA_BIND")?)))
    }

    /// Where clients reach it, if they do.
    fn url(&self) -> Option<String> {
        match self {
            Self::Gateway(listener) => {
                listener.local_addr().ok().map(|address| format!("http://{address}"))
            }
            Self::Background(_) => None,
        }
    }
}

impl Process {
    /// Takes its ports, and serves what is for operators from now on.
    fn begin(
        unit: Unit,
        config: Config,
        engines: Engines,
        metrics: Metrics,
        stop: Stop,
    ) -> Result<Self, Fatal> {
        let duty = Duty::begin(unit, &config)?;
        let spawner = TokioSpawner::new(Handle::current());
        let neighbours = Neighbours::open(&engines, &spawner)?;
        let world = &neighbours.world;
        let probes = Arc::new(Probes::default());
        let health = Arc::new(ProcessHealth {
            unit,
            clock: Arc::clone(&world.clock),
            probes: Arc::clone(&probes),
            stop: stop.clone(),
            started: OnceLock::new(),
        });
        let over = Stop::new();
        let (port, variable) = operations_port(unit, engines.operations.ports);
        let address = SocketAddr::new(engines.operations.host, port);
        let operations = listen(address, &format!("with {variable} or METRICS_HOST"))?;
        if let Ok(address) = operations.local_addr() {
            tracing::info!(service = unit.name(), operations = %address, "the process starts");
        }
        let served = Operations { health: Arc::clone(&health) as _, metrics: Arc::clone(&metrics) };
        let serving = serve_operations(served, operations, Arc::clone(&world.timer), over.clone());
        world.spawner.spawn(
            async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "health and metrics cannot be served");
                }
            }
            .boxed(),
        );
        Ok(Self {
            unit,
            config,
            engines,
            metrics,
            stop,
            over,
            spawner,
            neighbours,
            probes,
            health,
            duty,
        })
    }

    /// Waits for the engines, then runs the service until it is to stop.
    async fn live(self) -> Result<(), Fatal> {
        let Some((composition, engines)) = self.compose().await? else { return Ok(()) };
        let hub = Hub::new();
        let supervisor = self.supervisor(&composition, &hub)?;
        self.watch(engines, &hub);
        supervisor.start(self.unit.name());
        tracing::info!(service = self.unit.name(), url = self.duty.url(), "the service is up");
        self.stop.wait().await;
        supervisor.stop_all().await;
        self.end().await;
        Ok(())
    }

    /// Gives what was begun the drain time, and sends the last notifications.
    async fn end(&self) {
        self.over.trigger();
        let left = self.spawner.drain(&TokioTimer, self.config.drain).await;
        if left > 0 {
            tracing::debug!(left, "tasks were ended when the drain time was over");
        }
        let flushed = tokio::time::timeout(FAREWELL, self.neighbours.wake.flush()).await;
        if flushed.is_err() {
            tracing::debug!("the last notifications did not leave in time");
        }
    }

    /// The ports over the engines, once those are there; none if the process is to stop before.
    async fn compose(&self) -> Result<Option<(Composition, probes::Engines)>, Fatal> {
        let (world, engines) = (&self.neighbours.world, &self.engines);
        let waiting = Waiting { world, stop: &self.stop, probes: &self.probes };
        let name = name(self.unit);
        if let Some(owner) = &engines.postgres.owner_dsn {
            let owner = engines::postgres(engines, owner.expose(), &name);
            if waiting.migrated(&owner).await?.is_none() {
                return Ok(None);
            }
        }
        let postgres = engines::postgres(engines, engines.postgres.dsn.expose(), &name);
        let Some(database) = waiting.database(&postgres).await? else { return Ok(None) };
        let kafka = engines::kafka(engines, &name)?;
        let Some(log) = waiting.log(&kafka).await? else { return Ok(None) };
        let given = (&self.config, engines);
        let (ports, provider, helpers) =
            engines::ports(given, &self.neighbours, &database, Arc::clone(&log))?;
        #[cfg(feature = "fail-points")]
        let ports = crate::fail_point::set(ports)?;
        self.probes.started();
        let queues = Queues::of(&ports, world);
        let _ = self.health.started.set(Started { queues, provider });
        let composition =
            Composition { ports, settings: settings(&self.config), world: world.clone() };
        let redis = Arc::clone(&self.neighbours.redis);
        Ok(Some((composition, probes::Engines { database, log, redis, helpers })))
    }

    fn supervisor(&self, composition: &Composition, hub: &Hub) -> Result<Supervisor, Fatal> {
        let (config, composed) = (self.config.clone(), composition.clone());
        let factory: Factory = match &self.duty {
            Duty::Gateway(listener) => {
                let reached = Reached {
                    health: Arc::clone(&self.health) as _,
                    hub: hub.clone(),
                    metrics: Arc::clone(&self.metrics),
                    listener: Arc::clone(listener),
                    hosts: hosts(&self.config)?,
                };
                Box::new(move |stop| gateway(&config, &composed, &reached, stop))
            }
            &Duty::Background(make) => Box::new(move |_| make(&composed)),
        };
        let factories = BTreeMap::from([(self.unit.name(), factory)]);
        Ok(Supervisor::new(factories, composition.world.clone()))
    }

    /// Looks at engines and queues as long as the service runs.
    fn watch(&self, engines: probes::Engines, hub: &Hub) {
        let world: &World = &self.neighbours.world;
        let (probes, looking) = (Arc::clone(&self.probes), world.clone());
        let stop = self.stop.clone();
        let look = async move { probes.look(&engines, &looking, &stop).await };
        world.spawner.spawn(look.boxed());
        if let Some(started) = self.health.started.get() {
            let (queues, hub, stop) = (started.queues.clone(), hub.clone(), self.stop.clone());
            world.spawner.spawn(async move { queues.sample(&hub, &stop).await }.boxed());
        }
    }
}

/// Where a service serves its health and metrics, and by which variable that is chosen.
const fn operations_port(unit: Unit, ports: OperationsPorts) -> (u16, &'static str) {
    match unit {
        Unit::Gateway => (ports.gateway, "GATEWAY_METRICS_PORT"),
        Unit::Worker => (ports.conversation_worker, "CONVERSATION_METRICS_PORT"),
        Unit::Executor => (ports.tool_executor, "TOOL_EXECUTOR_METRICS_PORT"),
        Unit::Replicator => (ports.memory_replicator, "REPLICATOR_METRICS_PORT"),
        Unit::MemorySync => (ports.memory_sync, "MEMORY_SYNC_METRICS_PORT"),
        Unit::OutboxSync => (ports.outbox_sync, "OUTBOX_SYNC_METRICS_PORT"),
    }
}
