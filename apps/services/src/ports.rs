//! Every port of the platform.

use std::sync::Arc;

use soma_core::flows::consume::{Apply, Consume};
use soma_core::flows::world::World;
use soma_core::outbox::topic::Topic;
use soma_core::ports::{
    Budget, Clock, DeadLetters, Decisions, Leases, Log, Memory, MemoryQueue, Model, Outbox, Policy,
    RateLimit, Replica, Store, Timer, Toolbox, UsageLedger, Work,
};
use soma_decorators::{Decorated, Intercept};
use soma_inproc::{
    InprocBudget, InprocLedger, InprocLog, InprocMemory, InprocRateLimit, StaticPolicy,
};

use crate::unit::Unit;

/// Every port of the platform. Each can be replaced before the services are built.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is the port of its name")]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub work: Arc<dyn Work>,
    pub leases: Arc<dyn Leases>,
    pub outbox: Arc<dyn Outbox>,
    pub dead_letters: Arc<dyn DeadLetters>,
    pub decisions: Arc<dyn Decisions>,
    pub memory_queue: Arc<dyn MemoryQueue>,
    pub replica: Arc<dyn Replica>,
    pub usage: Arc<dyn UsageLedger>,
    pub budget: Arc<dyn Budget>,
    pub log: Arc<dyn Log>,
    pub memory: Arc<dyn Memory>,
    pub policy: Arc<dyn Policy>,
    pub model: Arc<dyn Model>,
    pub tools: Arc<dyn Toolbox>,
    pub limits: Arc<dyn RateLimit>,
}

impl Ports {
    /// Every port in memory, with a policy that allows everything.
    pub fn in_memory(
        clock: &Arc<dyn Clock>,
        timer: &Arc<dyn Timer>,
        model: Arc<dyn Model>,
        tools: Arc<dyn Toolbox>,
    ) -> Self {
        let ledger = Arc::new(InprocLedger::new(Arc::clone(clock)));
        Self::over_ledger(&ledger, clock, timer, model, tools)
    }

    /// The same over a ledger that is the caller's to look into.
    pub fn over_ledger(
        ledger: &Arc<InprocLedger>,
        clock: &Arc<dyn Clock>,
        timer: &Arc<dyn Timer>,
        model: Arc<dyn Model>,
        tools: Arc<dyn Toolbox>,
    ) -> Self {
        Self {
            store: Arc::clone(ledger) as _,
            work: Arc::clone(ledger) as _,
            leases: Arc::clone(ledger) as _,
            outbox: Arc::clone(ledger) as _,
            dead_letters: Arc::clone(ledger) as _,
            decisions: Arc::clone(ledger) as _,
            memory_queue: Arc::clone(ledger) as _,
            replica: Arc::clone(ledger) as _,
            usage: Arc::clone(ledger) as _,
            budget: Arc::new(InprocBudget::new(Arc::clone(ledger) as _)),
            log: Arc::new(InprocLog::new(Arc::clone(timer))),
            memory: Arc::new(InprocMemory::new(Arc::clone(clock))),
            policy: Arc::new(StaticPolicy::allow_all()),
            model,
            tools,
            limits: Arc::new(InprocRateLimit::new(Arc::clone(clock))),
        }
    }

    /// The same ports; the calls of each go through what `intercept` makes for it.
    #[must_use]
    pub fn decorated<I>(self, intercept: impl Fn() -> I) -> Self
    where
        I: Intercept + 'static,
    {
        macro_rules! decorated {
            ($($port:ident),+ $(,)?) => {
                Self { $($port: Arc::new(Decorated::new(self.$port, intercept())),)+ }
            };
        }
        decorated!(
            store,
            work,
            leases,
            outbox,
            dead_letters,
            decisions,
            memory_queue,
            replica,
            usage,
            budget,
            log,
            memory,
            policy,
            model,
            tools,
            limits,
        )
    }

    /// What `unit` takes from a topic.
    pub(crate) fn consume(
        &self,
        topic: Topic,
        unit: Unit,
        apply: Arc<dyn Apply>,
        world: &World,
    ) -> Consume {
        let (log, leases) = (Arc::clone(&self.log), Arc::clone(&self.leases));
        Consume::new(log, leases, topic, unit.name(), apply, world.clone())
    }
}

soma_core::opaque_debug!(Ports);
