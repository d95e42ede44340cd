//! Ports that count their calls, and end the life of who makes a call of choice.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soma_core::conversation::model::ModelFailure;
use soma_core::flows::stop::Stop;
use soma_core::ports::PortResult;
use soma_core::ports::model::ModelStream;
use soma_core::tool::ToolOutcome;
use soma_decorators::{Intercept, Point};
use soma_simulation::platform::{Ports, Unit};

/// When, in a call, death comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call has an effect.
    Before,
    /// After its effect, before its reply.
    After,
}

/// A call that was the last of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Which call, from 1, of all that were made.
    pub call: u64,
    /// Whose.
    pub unit: Unit,
    /// What was asked.
    pub point: Point,
    /// When.
    pub moment: Moment,
}

/// Counts the port calls of every instance, and strikes once.
#[derive(Debug, Default)]
pub struct Watch {
    state: Mutex<State>,
    fallen: Stop,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    tally: BTreeMap<Point, u64>,
    order: Option<(u64, Moment)>,
    strike: Option<Strike>,
}

impl Watch {
    /// Strikes nobody.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Strikes whoever makes the `nth` call, from 1, of all.
    pub fn striking(nth: u64, moment: Moment) -> Arc<Self> {
        let watch = Self::default();
        watch.state().order = Some((nth, moment));
        Arc::new(watch)
    }

    /// Resolves once it struck.
    pub async fn struck(&self) -> Strike {
        loop {
            self.fallen.wait().await;
            if let Some(strike) = self.strike() {
                return strike;
            }
        }
    }

    /// The strike, if it struck.
    pub fn strike(&self) -> Option<Strike> {
        self.state().strike
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How often each point was called so far.
    pub fn tally(&self) -> BTreeMap<Point, u64> {
        self.state().tally.clone()
    }

    /// The ports of one life of an instance.
    pub(super) fn over(self: &Arc<Self>, ports: &Ports, unit: Unit, life: &Life) -> Ports {
        let watcher = || Watcher { unit, life: life.clone(), watch: Arc::clone(self) };
        ports.clone().decorated(watcher)
    }

    fn next(&self, unit: Unit, point: Point) -> Option<Moment> {
        let mut state = self.state();
        state.calls += 1;
        *state.tally.entry(point).or_default() += 1;
        let (nth, moment) = state.order?;
        if state.calls != nth {
            return None;
        }
        state.strike = Some(Strike { call: nth, unit, point, moment });
        Some(moment)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of an instance. Once it has ended, no call has an effect any more, although its tasks
/// may not be dropped yet.
#[derive(Clone, Debug)]
pub(super) struct Life(Stop);

impl Life {
    pub(super) fn new() -> Self {
        Self(Stop::new())
    }

    pub(super) fn end(&self) {
        self.0.trigger();
    }

    fn is_over(&self) -> bool {
        self.0.is_set()
    }
}

/// Watches the calls of one life of an instance.
struct Watcher {
    unit: Unit,
    life: Life,
    watch: Arc<Watch>,
}

impl Watcher {
    async fn watched<T>(&self, point: Point, call: impl Future<Output = T> + Send) -> T {
        if self.life.is_over() {
            return pending().await;
        }
        match self.watch.next(self.unit, point) {
            None => {
                let reply = call.await;
                if self.life.is_over() { pending().await } else { reply }
            }
            Some(Moment::Before) => self.die().await,
            Some(Moment::After) => {
                call.await;
                self.die().await
            }
        }
    }

    async fn die<T>(&self) -> T {
        self.life.end();
        self.watch.fallen.trigger();
        pending().await
    }
}

impl Intercept for Watcher {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        self.watched(point, async { ask().await }).await
    }

    async fn generate<C, F>(&self, ask: C) -> Result<ModelStream, ModelFailure>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = Result<ModelStream, ModelFailure>> + Send,
    {
        self.watched(Point::Generate, async { ask().await }).await
    }

    async fn run<C, F>(&self, ask: C) -> ToolOutcome
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = ToolOutcome> + Send,
    {
        self.watched(Point::RunTool, async { ask().await }).await
    }
}
