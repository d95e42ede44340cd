//! The whole platform, within a program of anyone's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use soma_core::flows::hub::Hub;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::ports::{Clock, Model, Timer, Toolbox, Wake};
use soma_core::turn::config::TurnConfig;
use soma_inproc::{InprocToolbox, InprocWake};
use soma_tokio::{SystemClock, TokioSpawner, TokioTimer};
use tokio::runtime::Handle;

use crate::composition::Composition;
use crate::gateway::Gateway;
use crate::ports::Ports;
use crate::settings::Settings;
use crate::supervisor::{Factory, Supervisor};
use crate::unit::Unit;

/// The platform, running on tokio within this process.
///
/// ```
/// # use std::sync::Arc;
/// # use soma_core::ports::Model;
/// # use soma_services::{SetupError, Soma};
/// # async fn example(model: Arc<dyn Model>) -> Result<(), SetupError> {
/// let soma = Soma::in_memory(model).start()?;
/// let gateway = soma.gateway();
/// // submit messages, follow sessions
/// soma.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Soma {
    gateway: Gateway,
    /// Ends the streams.
    stop: Stop,
    supervisor: Supervisor,
    tasks: TokioSpawner,
    drain: Duration,
}

/// A platform that is not started yet.
#[derive(Debug)]
pub struct Builder {
    ports: Ports,
    settings: Settings,
    here: BTreeSet<Unit>,
    elsewhere: BTreeSet<Unit>,
}

/// Why a platform is not started: it would accept what it never answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// A turn that asks for a tool would wait for ever.
    #[error("the tools {0:?} are offered, and nobody runs them: start the tool executor, too")]
    NobodyRunsTools(Vec<String>),
    /// A message would wait for ever.
    #[error("nobody runs the {}: messages would be accepted and never answered", .0.name())]
    NobodyRuns(Unit),
    /// There is nothing to run tasks on.
    #[error("it is to be started within a tokio runtime")]
    NoRuntime,
}

impl Soma {
    /// All in memory, answered by `model`: without tools, with the [usual settings](Settings::of), and
    /// a policy that allows everything.
    pub fn in_memory(model: Arc<dyn Model>) -> Builder {
        let (clock, timer): (Arc<dyn Clock>, Arc<dyn Timer>) =
            (Arc::new(SystemClock), Arc::new(TokioTimer));
        let tools = Arc::new(InprocToolbox::default());
        Self::over(Ports::in_memory(&clock, &timer, model, tools))
    }

    /// Over ports of anyone's.
    pub fn over(ports: Ports) -> Builder {
        let settings = Settings::of(TurnConfig::of(ports.model.describe()));
        Builder { ports, settings, here: Unit::ALL.into(), elsewhere: BTreeSet::new() }
    }

    /// What clients do: submit messages, follow sessions, and so on.
    pub const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Stops taking work, finishes or releases what is in hand, and returns.
    pub async fn stop(self) {
        self.stop.trigger();
        self.supervisor.stop_all().await;
        let left = self.tasks.drain(&TokioTimer, self.drain).await;
        if left > 0 {
            tracing::warn!(left, "tasks were left when the drain time was over");
        }
    }
}

impl Builder {
    /// With these tools, for the model and for people.
    #[must_use]
    pub fn tools(self, tools: Arc<dyn Toolbox>) -> Self {
        self.ports(|ports| Ports { tools, ..ports })
    }

    /// With other ports: `Soma::in_memory(model).ports(|ports| Ports { memory, ..ports })`.
    #[must_use]
    pub fn ports(mut self, change: impl FnOnce(Ports) -> Ports) -> Self {
        self.ports = change(self.ports);
        self
    }

    /// With other settings.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Without a service: nobody runs it.
    #[must_use]
    pub fn without(mut self, unit: Unit) -> Self {
        self.here.remove(&unit);
        self
    }

    /// Another process, over the same ports, runs a service.
    #[must_use]
    pub fn elsewhere(mut self, unit: Unit) -> Self {
        self.elsewhere.insert(unit);
        self.without(unit)
    }

    /// Starts the services.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if something that is accepted would never be answered.
    pub fn start(self) -> Result<Soma, SetupError> {
        self.check()?;
        let tasks = TokioSpawner::new(Handle::try_current().map_err(|_| SetupError::NoRuntime)?);
        let wake: Arc<dyn Wake> = Arc::new(InprocWake::new());
        let world = soma_tokio::world(&tasks, wake);
        let drain = self.settings.capacity.drain;
        let composition =
            Composition { ports: self.ports, settings: self.settings, world: world.clone() };
        let stop = Stop::new();
        let gateway = composition.gateway(&Hub::new(), &stop);
        let factory = |unit: &Unit| {
            let (unit, composition, gateway) = (*unit, composition.clone(), gateway.clone());
            let make = move |_: &Stop| match unit.background() {
                Some(make) => make(&composition),
                None => Arc::new(gateway.clone()) as Arc<dyn Service>,
            };
            (unit.name(), Box::new(make) as Factory)
        };
        let factories: BTreeMap<_, _> = self.here.iter().map(factory).collect();
        let supervisor = Supervisor::new(factories, world);
        for unit in &self.here {
            supervisor.start(unit.name());
        }
        Ok(Soma { gateway, stop, supervisor, tasks, drain })
    }

    fn check(&self) -> Result<(), SetupError> {
        let runs = |unit: &Unit| self.here.contains(unit) || self.elsewhere.contains(unit);
        let needed = [Unit::Gateway, Unit::Worker, Unit::OutboxSync];
        if let Some(unit) = needed.into_iter().find(|unit| !runs(unit)) {
            return Err(SetupError::NobodyRuns(unit));
        }
        let tools = self.ports.tools.names();
        if !tools.is_empty() && !runs(&Unit::Executor) {
            return Err(SetupError::NobodyRunsTools(tools));
        }
        Ok(())
    }
}
