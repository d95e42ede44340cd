//! Everything that waits, and what happens next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use futures_util::future::BoxFuture;
use soma_core::flows::stop::Stop;
use soma_core::time::Timestamp;
use soma_decorators::Point;

use crate::alarms::{Alarm, Alarms};
use crate::calls::{Calls, Condition};
use crate::chance::Chance;
use crate::fault::{Fault, Misfortune, Outage, Weather};
use crate::trace::{Line, Trace};

/// Sleeps that are shorter than this end on time.
const FINE: Duration = Duration::from_millis(100);
/// So many polls at one moment of virtual time are no progress: a run has some thousand in all.
const MOST_AT_ONCE: u64 = 100_000;
/// Tells the choice of a call from that of a task in the hash of a trace.
const CALL: u64 = 1 << 32;

pub(crate) type ProcessId = usize;

/// A future that is polled when it is woken.
pub(crate) struct Task {
    pub(crate) process: ProcessId,
    /// None while it is polled.
    pub(crate) future: Option<BoxFuture<'static, ()>>,
    pub(crate) waker: Waker,
    /// Whether it was woken since it was last polled.
    pub(crate) awake: Arc<AtomicBool>,
}

/// One life of an instance.
pub(crate) struct Life {
    pub(crate) unit: &'static str,
    pub(crate) number: u32,
    pub(crate) is: Condition,
    pub(crate) gone: Stop,
    /// By how much its clock is ahead of the world's.
    pub(crate) ahead: Duration,
    held_tasks: Vec<usize>,
}

/// Whether an alarm was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    Some,
    None,
}

/// What happens next.
pub(crate) enum Next {
    /// A task is polled.
    Poll(usize, BoxFuture<'static, ()>, Waker),
    /// A call goes on.
    Wake(Waker),
    /// Someone died: what it had is to be dropped, and whoever waits for its end told.
    Bury(Vec<Task>, Stop),
    /// Someone was woken, who is not known to be ready yet.
    Again,
    /// Nothing could go on without time passing: it has passed.
    Later,
    /// Nothing is ever going to happen.
    Never,
    /// Tasks are polled again and again, and no time passes.
    Spinning,
}

/// The state of a simulation.
pub(crate) struct State {
    pub(crate) beginning: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) steps: u64,
    /// Who was polled last.
    pub(crate) polled: ProcessId,
    /// The moment of the last step, and how many were taken before it.
    moment: (Timestamp, u64),
    pub(crate) weather: Weather,
    pub(crate) lives: Vec<Life>,
    pub(crate) tasks: Vec<Option<Task>>,
    /// Those that died since their tasks were last dropped.
    dying: Vec<ProcessId>,
    pub(crate) trace: Trace,
    pub(crate) misfortunes: Vec<Misfortune>,
    pub(crate) spared: BTreeSet<usize>,
    pub(crate) outages: BTreeMap<&'static str, (Outage, Timestamp)>,
    pub(crate) luck: Chance,
    pub(crate) calls: Calls,
    pub(crate) alarms: Alarms,
    order: Chance,
    ready_tasks: Vec<usize>,
}

impl State {
    pub(crate) fn new(seed: u64, weather: Weather, beginning: Timestamp) -> Self {
        Self {
            beginning,
            now: beginning,
            steps: 0,
            polled: 0,
            moment: (beginning, 0),
            weather,
            lives: Vec::new(),
            tasks: Vec::new(),
            dying: Vec::new(),
            trace: Trace::default(),
            misfortunes: Vec::new(),
            spared: BTreeSet::new(),
            outages: BTreeMap::new(),
            luck: Chance::of(seed, 2),
            calls: Calls::default(),
            alarms: Alarms::default(),
            order: Chance::of(seed, 1),
            ready_tasks: Vec::new(),
        }
    }

    pub(crate) fn born(&mut self, unit: &'static str, number: u32) -> ProcessId {
        let (is, gone) = (Condition::Running, Stop::new());
        let skew = self.weather.skew;
        let ahead = if skew.is_zero() { skew } else { *self.luck.pick(&[Duration::ZERO, skew]) };
        self.lives.push(Life { unit, number, is, gone, ahead, held_tasks: Vec::new() });
        self.lives.len() - 1
    }

    /// The process does nothing any more; its tasks are dropped by who polls them.
    pub(crate) fn die(&mut self, process: ProcessId) {
        let life = &mut self.lives[process];
        if life.is != Condition::Dead {
            life.is = Condition::Dead;
            self.calls.dead_letter(process);
            self.dying.push(process);
        }
    }

    /// The tasks of a dead process: to be dropped outside of the lock.
    fn dead_letter(&mut self, process: ProcessId) -> Vec<Task> {
        let of = |task: &Option<Task>| task.as_ref().is_some_and(|task| task.process == process);
        self.tasks.iter_mut().filter(|task| of(task)).filter_map(Option::take).collect()
    }

    pub(crate) fn pause(&mut self, process: ProcessId, span: Duration) {
        let life = &mut self.lives[process];
        if life.is == Condition::Running {
            life.is = Condition::Paused;
            self.calls.hold(process);
            // Often it goes on at the moment at which others look, and meets who took over from it.
            let until = if self.luck.one_in(2) { self.due(span) } else { self.now + span };
            self.alarms.set(until, Alarm::Resume(process));
        }
    }

    /// Whether a process stands still.
    pub(crate) fn someone_stands_still(&self) -> bool {
        self.lives.iter().any(|life| life.is == Condition::Paused)
    }

    fn resume(&mut self, process: ProcessId) {
        let life = &mut self.lives[process];
        if life.is == Condition::Paused {
            life.is = Condition::Running;
            self.ready_tasks.append(&mut life.held_tasks);
            self.calls.resume(process);
            self.alarms.resume(process);
        }
    }

    /// A task that was woken.
    pub(crate) fn woken(&mut self, task: usize) {
        let Some(Some(found)) = self.tasks.get(task) else { return };
        let life = &mut self.lives[found.process];
        match life.is {
            Condition::Running => self.ready_tasks.push(task),
            Condition::Paused => life.held_tasks.push(task),
            Condition::Dead => {}
        }
    }

    /// Chooses what happens next.
    pub(crate) fn next(&mut self) -> Next {
        if let Some(process) = self.dying.pop() {
            return Next::Bury(self.dead_letter(process), self.lives[process].gone.clone());
        }
        if self.ring() == Rung::Some {
            return Next::Again;
        }
        while !self.ready_tasks.is_empty() {
            let index = self.choose(self.ready_tasks.len());
            let key = self.ready_tasks.swap_remove(index);
            let Some(Some(task)) = self.tasks.get_mut(key) else { continue };
            let life = &mut self.lives[task.process];
            if life.is == Condition::Paused {
                life.held_tasks.push(key);
                continue;
            }
            if self.moment.0 != self.now {
                self.moment = (self.now, self.steps);
            } else if self.steps - self.moment.1 == MOST_AT_ONCE {
                return Next::Spinning;
            }
            let Some(future) = task.future.take() else { continue };
            self.polled = task.process;
            task.awake.store(false, Ordering::Relaxed);
            self.steps += 1;
            self.trace.mark(key as u64);
            return Next::Poll(key, future, task.waker.clone());
        }
        if self.calls.ready() > 0 {
            let index = self.choose(self.calls.ready());
            let (process, waker) = self.calls.release(index);
            self.trace.mark(CALL | process as u64);
            let most = self.weather.latency_micros;
            if most > 0 {
                self.now = self.now + Duration::from_micros(self.order.below(most + 1));
            }
            return Next::Wake(waker);
        }
        match self.alarms.first() {
            Some(due) => {
                self.now = self.now.max(due);
                Next::Later
            }
            None => Next::Never,
        }
    }

    /// One of so many; nothing is drawn where there is no choice.
    fn choose(&mut self, many: usize) -> usize {
        if many == 1 { 0 } else { self.order.index(many) }
    }

    /// Wakes those for whom it is time: they are polled before any more time passes.
    fn ring(&mut self) -> Rung {
        let mut rung = Rung::None;
        while let Some(alarm) = self.alarms.pop(self.now) {
            rung = Rung::Some;
            match alarm {
                Alarm::Resume(process) => self.resume(process),
                Alarm::Ring { slot, number } => {
                    let Some(process) = self.alarms.owner(slot, number) else { continue };
                    match self.lives[process].is {
                        Condition::Running => self.alarms.ring(slot),
                        Condition::Paused => self.alarms.hold(slot),
                        Condition::Dead => {}
                    }
                }
            }
        }
        rung
    }

    /// When a sleep of `span` ends: on time, or at the next multiple of the slack.
    pub(crate) fn due(&self, span: Duration) -> Timestamp {
        let due = self.now + span;
        let slack = self.weather.slack.as_micros();
        if slack == 0 || span < FINE {
            return due;
        }
        let passed = due.since(self.beginning).as_micros();
        let rounded = passed.div_ceil(slack) * slack;
        self.beginning + Duration::from_micros(u64::try_from(rounded).unwrap_or(u64::MAX))
    }

    /// Notes a misfortune. Answers whether it happens: it does not if it is to be spared.
    pub(crate) fn strikes(&mut self, misfortune: Misfortune) -> bool {
        let spared = self.spared.contains(&self.misfortunes.len());
        self.misfortunes.push(misfortune);
        !spared
    }

    /// What a call suffers.
    pub(crate) fn suffers(&mut self, process: ProcessId, point: Point) -> Option<Fault> {
        let fault =
            self.weather.fault(point, &mut self.luck).filter(|fault| fault.befalls(point))?;
        let life = &self.lives[process];
        let who = (life.unit, life.number);
        self.strikes(Misfortune::Call { who, point, fault }).then_some(fault)
    }

    /// How the port is down and for how long, if it is.
    pub(crate) fn outage(&mut self, port: &'static str) -> Option<(Outage, Duration)> {
        if self.outages.is_empty() {
            return None;
        }
        let (outage, until) = *self.outages.get(port)?;
        if until <= self.now {
            self.outages.remove(port);
            return None;
        }
        Some((outage, until.since(self.now)))
    }

    /// Adds a line to the trace, if there is one.
    pub(crate) fn line(&mut self, process: ProcessId, what: impl FnOnce() -> String) {
        let (at, step) = (self.now.since(self.beginning), self.steps);
        let Some(lines) = &mut self.trace.lines else { return };
        let Life { unit, number, .. } = &self.lives[process];
        lines.push(Line { at, step, who: format!("{unit}-{number}"), what: what() });
    }
}
