//! One run: a seed, the platform, the world around it, and what did not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ids::TenantId;
use soma_core::ports::Log;
use soma_inproc::InprocMemory;
use soma_simulated::{Chance, Line, Misfortune, Nature, Ran, SimulatedLog, Simulation};

use crate::audit::{Audit, Invariant, Unrest, Violation};
use crate::cast::{Client, Gateways, Part, SimulatedPolicy, Street, Swarm};
use crate::pace::Pace;
use crate::stage::{Plan, Stage};

/// No run takes so many steps.
const MOST_STEPS: u64 = 2_000_000;
/// How long it may take, once nothing goes wrong any more, until everything has come to its end.
const PATIENCE: Duration = Duration::from_hours(1);
const TENANTS: [&str; 3] = ["acme", "borealis", "cumulus"];

/// What is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Decides everything that is left open.
    pub seed: u64,
    /// Misfortunes that do not strike, by their places in the list of those that do.
    pub spared: BTreeSet<usize>,
    /// Acts of clients that are left out, by their places.
    pub left_out: BTreeSet<usize>,
    /// Whether a readable trace is kept.
    pub traced: bool,
}

impl Order {
    /// Everything that the seed decides.
    pub fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// The hash of everything that was chosen, and of what it came to.
    pub hash: u64,
    /// How many times a task was polled.
    pub steps: u64,
    /// How much virtual time passed.
    pub passed: Duration,
    /// How many messages were accepted.
    pub messages: u64,
    /// How turns ended, and how many ended so.
    pub endings: BTreeMap<String, u64>,
    /// How many acts the clients had.
    pub acts: usize,
    /// What struck.
    pub misfortunes: Vec<Misfortune>,
    /// What happened, if it was asked for.
    pub lines: Vec<Line>,
}

/// What a run is made of.
struct Scene {
    nature: Nature,
    audit: Arc<Audit>,
    memory: Arc<InprocMemory>,
    calm: Stop,
    log: Arc<SimulatedLog<dyn Log>>,
    /// How many clients have not done yet.
    busy: Arc<AtomicUsize>,
    storm: Duration,
    /// At which multiples sleeps end once it is calm.
    slack: Duration,
    patience: Duration,
    acts: usize,
}

/// Runs a seed. A panic anywhere in it is a violation like any other.
pub fn run(order: &Order) -> Outcome {
    run_counting(order, Arc::default())
}

/// Runs a seed, and counts its polls in `polls` as it goes.
pub fn run_counting(order: &Order, polls: Arc<AtomicU64>) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| simulate(order, polls)));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let what = text.unwrap_or_else(|| "a panic without words".into());
        let violation = Violation { invariant: Invariant::Panic, what };
        Outcome { seed: order.seed, violations: vec![violation], ..Outcome::default() }
    })
}

fn simulate(order: &Order, polls: Arc<AtomicU64>) -> Outcome {
    let mut chance = Chance::of(order.seed, 0);
    let pace = Pace::draw(&mut chance);
    let plan = Plan::draw(&mut chance, pace);
    let simulation = Simulation::new(order.seed, plan.weather.clone());
    let simulation = simulation.sparing(order.spared.clone()).counting(polls);
    let simulation = if order.traced { simulation.traced() } else { simulation };
    let scene = Scene::set(&simulation, chance, (pace, plan), order);
    let beginning = scene.nature.beginning();
    let clock = scene.nature.clock();
    let ran = simulation.run(MOST_STEPS, || scene.is_over(clock.now().since(beginning)));
    scene.judge(ran);
    let Scene { nature, audit, .. } = &scene;
    Outcome {
        seed: order.seed,
        violations: audit.violations(),
        hash: soma_simulated::mix(nature.hash() ^ audit.digest()),
        steps: nature.steps(),
        passed: clock.now().since(beginning),
        messages: audit.accepted(),
        endings: audit.endings(),
        acts: scene.acts,
        misfortunes: nature.misfortunes(),
        lines: nature.lines(),
    }
}

impl Scene {
    fn set(
        simulation: &Simulation,
        mut chance: Chance,
        (pace, plan): (Pace, Plan),
        order: &Order,
    ) -> Self {
        let nature = simulation.nature();
        let swarm = Swarm::draw(&mut chance, pace).leading_to(plan.weather.focus);
        let swarm = if plan.is_fair { swarm.on_a_fair_day() } else { swarm };
        let tenants = tenants(&swarm);
        // Once nothing goes wrong any more, whoever idles looks as seldom as it may while its leases hold.
        let seldom = plan.setup.liveness.heartbeat * 5 / 3;
        let (storm, slack) = (plan.storm, if plan.is_fair { Duration::ZERO } else { seldom });
        let forgetful = tenants.first().filter(|_| chance.one_in(4)).cloned();
        let stage = Stage::open(&nature, plan, SimulatedPolicy { forgetful });
        let people = nature.process("client", 0);
        let street = Street {
            world: World { timer: people.punctual_timer(), ..people.world() },
            process: people,
            gateways: Arc::clone(&stage.house) as Arc<dyn Gateways>,
            audit: Arc::clone(&stage.audit),
            opened: Arc::default(),
        };
        let parts = Part::draw(&mut chance, &swarm, &tenants);
        let acts = parts.iter().map(|part| part.acts.len()).sum();
        let busy = Arc::new(AtomicUsize::new(parts.len()));
        for (number, mut part) in (1_000..).zip(parts) {
            part.acts.retain(|(place, _)| !order.left_out.contains(place));
            let client = Client::new(street.clone(), nature.chance(number), part);
            let busy = Arc::clone(&busy);
            street.process.spawn(async move {
                client.run().await;
                busy.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let Stage { audit, memory, calm, log, .. } = stage;
        Self { nature, audit, memory, calm, log, busy, storm, slack, acts, patience: PATIENCE }
    }

    /// Whether everything came to rest; when the storm has passed, nothing goes wrong any more.
    fn is_over(&self, passed: Duration) -> bool {
        if passed >= self.storm && !self.calm.is_set() {
            self.calm();
        }
        passed >= self.storm + self.patience || self.audit.is_broken() || self.is_quiet()
    }

    /// Whether nothing is under way any more. If all that is left is not due yet, time goes on to
    /// then: nobody could do anything before.
    fn is_quiet(&self) -> bool {
        if self.busy.load(Ordering::Relaxed) > 0 || self.nature.someone_stands_still() {
            return false;
        }
        let unrest = self.audit.unrest();
        if let Some(Unrest::Memories { first_due: Some(due), .. }) = &unrest
            && self.calm.is_set()
        {
            self.nature.stand_still_until(*due);
        }
        unrest.is_none()
    }

    fn calm(&self) {
        self.calm.trigger();
        self.nature.calm();
        self.nature.slacken(self.slack);
        self.log.calm();
    }

    fn judge(&self, ran: Ran) {
        if self.audit.is_broken() {
            return;
        }
        if ran == Ran::Spinning {
            let who = self.nature.polled_last();
            let what = format!("{who:?} is polled again and again, and no time passes");
            return self.audit.violate(Invariant::Liveness, what);
        }
        let busy = self.busy.load(Ordering::Relaxed);
        let unrest = match (self.audit.unrest(), busy, ran) {
            (Some(unrest), _, ran) => format!("{unrest}; the run is {ran:?}"),
            (None, 1.., _) => format!("{busy} clients wait for what they were promised"),
            (None, 0, Ran::Enough) => return self.audit.at_rest(&self.memory),
            (None, 0, Ran::Dry | Ran::Long | Ran::Spinning) => format!("the run is {ran:?}"),
        };
        self.audit.violate(Invariant::Liveness, unrest);
    }
}

fn tenants(swarm: &Swarm) -> Vec<TenantId> {
    let many = usize::try_from(swarm.tenants).unwrap_or(1);
    TENANTS.iter().take(many).filter_map(|name| TenantId::new(*name).ok()).collect()
}
