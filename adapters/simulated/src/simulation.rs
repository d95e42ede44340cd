//! The step executor: polls what the seed chooses, until nothing is left to do or it is told to stop.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;
use soma_core::ports::Ids;
use soma_core::time::Timestamp;
use soma_inproc::{CountingIds, InprocWake};

use crate::fault::Weather;
use crate::nature::Nature;
use crate::state::{Next, ProcessId, State, Task};

/// Noon of a day in UTC, so that no run crosses midnight.
const BEGINNING: Timestamp = Timestamp::from_micros(20_000 * 86_400_000_000 + 43_200_000_000);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// As it was told.
    Enough,
    /// Nothing is left that could ever happen.
    Dry,
    /// After the most steps it may take.
    Long,
    /// While tasks were polled again and again, and no time passed.
    Spinning,
}

/// A simulation: it ends when this is dropped.
pub struct Simulation {
    shared: Arc<Shared>,
    polls: Arc<AtomicU64>,
}

/// What the processes of a simulation share.
pub(crate) struct Shared {
    state: Mutex<State>,
    woken: Arc<Mutex<Vec<usize>>>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) wake: InprocWake,
    /// Whether lines of the trace are kept.
    pub(crate) traced: AtomicBool,
    /// How many calls of processes are being polled.
    pub(crate) passing: AtomicUsize,
    pub(crate) seed: u64,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace, if there is one.
    pub(crate) fn line(&self, process: ProcessId, what: impl FnOnce() -> String) {
        if self.traced.load(Ordering::Relaxed) {
            self.state().line(process, what);
        }
    }

    pub(crate) fn spawn(&self, process: ProcessId, future: BoxFuture<'static, ()>) {
        let mut state = self.state();
        let key = state.tasks.len();
        let awake = Arc::new(AtomicBool::new(false));
        let woken = Arc::clone(&self.woken);
        let waker = Waker::from(Arc::new(Bell { key, awake: Arc::clone(&awake), woken }));
        waker.wake_by_ref();
        state.tasks.push(Some(Task { process, future: Some(future), waker, awake }));
    }
}

/// Wakes one task.
struct Bell {
    key: usize,
    awake: Arc<AtomicBool>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.awake.swap(true, Ordering::Relaxed) {
            self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.key);
        }
    }
}

impl Simulation {
    /// A simulation without processes. The same seed makes the same of the same processes.
    pub fn new(seed: u64, weather: Weather) -> Self {
        let shared = Shared {
            state: Mutex::new(State::new(seed, weather, BEGINNING)),
            woken: Arc::default(),
            ids: Arc::new(CountingIds::seeded(seed)),
            wake: InprocWake::new(),
            traced: AtomicBool::new(false),
            passing: AtomicUsize::new(0),
            seed,
        };
        Self { shared: Arc::new(shared), polls: Arc::default() }
    }

    /// Counts its polls in `polls`, too: another thread sees by it whether one does not come back.
    #[must_use]
    pub fn counting(mut self, polls: Arc<AtomicU64>) -> Self {
        self.polls = polls;
        self
    }

    /// Keeps a readable trace, too.
    #[must_use]
    pub fn traced(self) -> Self {
        self.shared.traced.store(true, Ordering::Relaxed);
        self.shared.state().trace.lines = Some(Vec::new());
        self
    }

    /// Spares the run these misfortunes, by their places in the list of all that strike.
    #[must_use]
    pub fn sparing(self, spared: BTreeSet<usize>) -> Self {
        self.shared.state().spared = spared;
        self
    }

    /// What its processes and the world around them have to do with it.
    pub fn nature(&self) -> Nature {
        Nature { shared: Arc::clone(&self.shared) }
    }

    /// Goes on until `enough`, which is asked whenever nothing can go on without time passing, or
    /// for at most so many steps.
    pub fn run(&self, most_steps: u64, mut enough: impl FnMut() -> bool) -> Ran {
        let last = self.shared.state().steps.saturating_add(most_steps);
        let mut woken = Vec::new();
        loop {
            std::mem::swap(&mut woken, &mut *self.woken());
            let next = {
                let mut state = self.shared.state();
                woken.drain(..).for_each(|task| state.woken(task));
                if state.steps >= last {
                    return Ran::Long;
                }
                state.next()
            };
            match next {
                Next::Poll(key, future, waker) => self.poll(key, future, &waker),
                Next::Wake(waker) => waker.wake(),
                Next::Bury(tasks, gone) => {
                    drop(tasks);
                    gone.trigger();
                }
                Next::Later if enough() => return Ran::Enough,
                Next::Again | Next::Later => {}
                Next::Never => return Ran::Dry,
                Next::Spinning => return Ran::Spinning,
            }
        }
    }

    fn woken(&self) -> MutexGuard<'_, Vec<usize>> {
        self.shared.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, key: usize, mut future: BoxFuture<'static, ()>, waker: &Waker) {
        self.polls.fetch_add(1, Ordering::Relaxed);
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        let mut state = self.shared.state();
        let Some(slot) = state.tasks.get_mut(key) else { return };
        match polled {
            Poll::Ready(()) => *slot = None,
            Poll::Pending => {
                if let Some(task) = slot {
                    task.future = Some(future);
                    return;
                }
            }
        }
        drop(state);
    }
}

impl Drop for Simulation {
    /// Tasks hold processes, which hold the simulation: without this, nothing would be freed.
    fn drop(&mut self) {
        let tasks = std::mem::take(&mut self.shared.state().tasks);
        drop(tasks);
    }
}

soma_core::opaque_debug!(Simulation);
