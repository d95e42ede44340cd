//! Puts the world of a run together.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ports::{Log, Model, Toolbox};
use soma_inproc::{InprocBudget, InprocLedger, InprocLog, InprocMemory, InprocRateLimit};
use soma_simulated::{Nature, Process, SimulatedLog};

use super::disasters::Disasters;
use super::fate::Fate;
use super::house::{Furnish, House};
use super::lying_memory::LyingMemory;
use super::plan::Plan;
use crate::audit::{Audit, Audited, AuditedLog, Auditing, Heard};
use crate::cast::{Calls, Runs, SimulatedModel, SimulatedPolicy, SimulatedToolbox};
use crate::platform::{Ports, Unit};

/// The world of a run.
pub struct Stage {
    /// The process of the world itself: it never dies.
    pub process: Process,
    /// Sees what takes effect.
    pub audit: Arc<Audit>,
    /// What is remembered.
    pub memory: Arc<InprocMemory>,
    /// Given when nothing goes wrong any more.
    pub calm: Stop,
    /// The log, as all processes have it.
    pub log: Arc<SimulatedLog<dyn Log>>,
    /// Where the instances live.
    pub house: Arc<House>,
}

/// What instances have of their own.
struct Furniture {
    audit: Arc<Audit>,
    calls: Arc<Calls>,
    runs: Arc<Runs>,
}

impl Furnish for Furniture {
    fn model(&self, process: &Process) -> Arc<dyn Model> {
        Arc::new(SimulatedModel::new(process, Arc::clone(&self.calls), Arc::clone(&self.audit)))
    }

    fn tools(&self, process: &Process) -> Arc<dyn Toolbox> {
        Arc::new(SimulatedToolbox::new(process, Arc::clone(&self.runs), Arc::clone(&self.audit)))
    }

    fn overheard(&self, ports: Ports) -> Ports {
        let (model, policy) = (Arc::clone(&ports.model), Arc::clone(&ports.policy));
        let limits = Arc::clone(&ports.limits);
        Ports {
            model: Arc::new(Heard::new(model, Arc::clone(&self.audit))),
            policy: Arc::new(Heard::new(policy, Arc::clone(&self.audit))),
            limits: Arc::new(Heard::new(limits, Arc::clone(&self.audit))),
            ..ports
        }
    }
}

impl Stage {
    /// Starts everything that `plan` has.
    pub fn open(nature: &Nature, plan: Plan, policy: SimulatedPolicy) -> Self {
        let process = nature.process("world", 0);
        let world = process.world();
        let ledger = Arc::new(InprocLedger::new(nature.clock()));
        let audit = Audit::new(Arc::clone(&ledger), plan.budget);
        audit.hold_to(plan.setup.rules());
        if plan.is_fair {
            audit.expect_fair_day();
        }
        let records =
            Arc::new(InprocLog::with_partitions(plan.partitions, Arc::clone(&world.timer)));
        let audited =
            Arc::new(AuditedLog::new(Arc::clone(&records), Auditing::of(Arc::clone(&audit))));
        let log = SimulatedLog::new(
            Arc::clone(&audited) as Arc<dyn Log>,
            nature.clock(),
            Arc::clone(&world.timer),
        );
        let log = Arc::new(log);
        let budget = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
        let memory = Arc::new(InprocMemory::new(nature.clock()));
        let lies = Arc::new(AtomicBool::new(false));
        let calm = Stop::new();
        let lying = LyingMemory {
            inner: Arc::clone(&memory),
            lies: Arc::clone(&lies),
            audit: Arc::clone(&audit),
        };
        let furniture =
            Furniture { audit: Arc::clone(&audit), calls: Arc::default(), runs: Arc::default() };
        let common = Common {
            log: Arc::clone(&log),
            usage: ledger,
            budget: Arc::clone(&budget),
            memory: Arc::new(lying),
            policy: Arc::new(policy),
        };
        let ports = common.ports(&furniture, &process);
        let house = Arc::new(House::new(nature.clone(), ports, Arc::new(furniture), &plan));
        // What befalls them does so at any moment, however late their own sleeps end.
        let world = World { timer: process.punctual_timer(), ..world };
        fates(nature, &process, &world, &house, &plan, &calm);
        let disasters = Disasters {
            nature: nature.clone(),
            world,
            chance: nature.chance(1),
            plan,
            calm: calm.clone(),
            log: Arc::clone(&log),
            records,
            publishes: audited,
            budget,
            lies,
            audit: Arc::clone(&audit),
        };
        process.spawn(disasters.unfold());
        Self { process, audit, memory, calm, log, house }
    }
}

/// What all processes share besides the ledger.
struct Common {
    log: Arc<SimulatedLog<dyn Log>>,
    usage: Arc<InprocLedger>,
    budget: Arc<InprocBudget>,
    memory: Arc<LyingMemory<InprocMemory>>,
    policy: Arc<SimulatedPolicy>,
}

impl Common {
    /// The ports before anything goes wrong between them and a process.
    fn ports(self, furniture: &Furniture, process: &Process) -> Ports {
        let ledger = Arc::new(Audited::new(Arc::clone(&furniture.audit)));
        Ports {
            store: Arc::clone(&ledger) as _,
            work: Arc::clone(&ledger) as _,
            leases: Arc::clone(&ledger) as _,
            outbox: Arc::clone(&ledger) as _,
            dead_letters: Arc::clone(&self.usage) as _,
            decisions: Arc::clone(&self.usage) as _,
            memory_queue: Arc::clone(&ledger) as _,
            replica: ledger,
            usage: self.usage,
            budget: self.budget,
            log: self.log,
            memory: self.memory,
            policy: self.policy,
            model: furniture.model(process),
            tools: furniture.tools(process),
            limits: Arc::new(InprocRateLimit::new(process.world().clock)),
        }
    }
}

fn fates(
    nature: &Nature,
    process: &Process,
    world: &World,
    house: &Arc<House>,
    plan: &Plan,
    calm: &Stop,
) {
    let mut salt = 100;
    for (unit, many) in Unit::ALL.into_iter().zip(plan.instances) {
        for number in 1..=many {
            salt += 1;
            let fate = Fate {
                house: Arc::clone(house),
                nature: nature.clone(),
                world: world.clone(),
                chance: nature.chance(salt),
                strikes: plan.strikes,
                calm: calm.clone(),
            };
            process.spawn(fate.unfold(unit.nth(number)));
        }
    }
}

soma_core::opaque_debug!(Stage);
