//! Birth, time, chance and misfortune: what a simulation is to those who live in it.

use std::sync::Arc;
use std::time::Duration;

use soma_core::ports::Clock;
use soma_core::time::Timestamp;
use soma_decorators::Decorated;

use crate::chance::Chance;
use crate::fault::{Misfortune, Outage, Weather};
use crate::guard::Guard;
use crate::process::Process;
use crate::simulation::Shared;
use crate::trace::Line;
use crate::world::VirtualClock;

/// The longest that a call takes while nothing goes wrong.
const CALM_LATENCY_MICROS: u64 = 4_000;

/// A simulation, as those see it who live in it. A copy is the same.
#[derive(Clone)]
pub struct Nature {
    pub(crate) shared: Arc<Shared>,
}

impl Nature {
    /// A new life of the instance `number` of `unit`.
    pub fn process(&self, unit: &'static str, number: u32) -> Process {
        let id = self.shared.state().born(unit, number);
        Process::new(Arc::clone(&self.shared), id)
    }

    /// Keeps an instance alive: `life` is begun in each new process of it, and when that has died,
    /// another is born after `rest`.
    pub fn keep_alive<L>(&self, unit: &'static str, number: u32, rest: Duration, life: L)
    where
        L: Fn(&Process) + Send + Sync + 'static,
    {
        let keeper = self.process("keeper", number);
        let (nature, timer) = (self.clone(), keeper.punctual_timer());
        keeper.spawn(async move {
            loop {
                let process = nature.process(unit, number);
                life(&process);
                process.gone().wait().await;
                timer.sleep(rest).await;
            }
        });
    }

    /// What processes share, such that a call panics which none of them makes: whoever makes it has a
    /// port that was not wrapped by [`Process::port`], and would never see a fault.
    pub fn guard<P: ?Sized>(&self, inner: Arc<P>) -> Arc<Decorated<P, Guard>> {
        Arc::new(Decorated::new(inner, Guard { shared: Arc::clone(&self.shared) }))
    }

    /// A stream of chance: each `salt` has its own.
    pub fn chance(&self, salt: u64) -> Chance {
        Chance::of(self.shared.seed, salt.wrapping_add(16))
    }

    /// Virtual time.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(VirtualClock { shared: Arc::clone(&self.shared), of: None })
    }

    /// When virtual time began.
    pub fn beginning(&self) -> Timestamp {
        self.shared.state().beginning
    }

    /// How many times a task was polled so far.
    pub fn steps(&self) -> u64 {
        self.shared.state().steps
    }

    /// Whose task was polled last.
    pub fn polled_last(&self) -> Process {
        let id = self.shared.state().polled;
        Process::new(Arc::clone(&self.shared), id)
    }

    /// The hash of every choice so far: two runs that have the same have done the same.
    pub fn hash(&self) -> u64 {
        self.shared.state().trace.hash
    }

    /// The lines of the trace, if it is kept.
    pub fn lines(&self) -> Vec<Line> {
        self.shared.state().trace.lines.clone().unwrap_or_default()
    }

    /// What went wrong so far, also what was spared.
    pub fn misfortunes(&self) -> Vec<Misfortune> {
        self.shared.state().misfortunes.clone()
    }

    /// Notes that something of the world goes wrong. Answers whether it does: it is to be left if it
    /// is spared.
    pub fn strikes(&self, what: &'static str) -> bool {
        self.shared.state().strikes(Misfortune::World(what))
    }

    /// A port of this name is down for so long.
    pub fn down(&self, port: &'static str, outage: Outage, span: Duration) {
        let mut state = self.shared.state();
        let until = state.now + span;
        state.outages.insert(port, (outage, until));
    }

    /// Whether a process stands still: it goes on in a world that has changed meanwhile.
    pub fn someone_stands_still(&self) -> bool {
        self.shared.state().someone_stands_still()
    }

    /// Virtual time goes on to `until` at once, as for hosts that all stand still until then. What was
    /// due earlier is due then.
    pub fn stand_still_until(&self, until: Timestamp) {
        let mut state = self.shared.state();
        state.now = state.now.max(until);
    }

    /// From now on the sleeps of services end at multiples of `slack`, if at none that are further apart.
    pub fn slacken(&self, slack: Duration) {
        let mut state = self.shared.state();
        state.weather.slack = state.weather.slack.max(slack);
    }

    /// From now on nothing goes wrong; processes that stand still go on when it is time.
    pub fn calm(&self) {
        let mut state = self.shared.state();
        let Weather { latency_micros, slack, skew, slow_replies, longest, .. } = state.weather;
        // A world in which every call takes long is one of the things that go wrong.
        let latency_micros = latency_micros.min(CALM_LATENCY_MICROS);
        let fair = Weather::fair();
        state.weather = Weather { latency_micros, slack, skew, slow_replies, longest, ..fair };
        state.outages.clear();
    }
}

soma_core::opaque_debug!(Nature);
