//! A clock that is moved by hand, and the timer that goes by it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event;
use soma_core::ports::{Clock, Timer};
use soma_core::time::Timestamp;

use crate::lock::locked;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<State>,
    moved: Event,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    /// How many sleep until when.
    sleepers: BTreeMap<Timestamp, usize>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self { state: Mutex::new(State { now, sleepers: BTreeMap::new() }), moved: Event::new() }
    }

    /// Moves the clock on, and wakes whoever slept until then.
    pub fn advance(&self, span: Duration) {
        let now = self.now();
        self.advance_to(now + span);
    }

    /// Moves the clock on to `now`; it never goes back.
    pub fn advance_to(&self, now: Timestamp) {
        let mut state = locked(&self.state);
        state.now = state.now.max(now);
        drop(state);
        self.moved.notify(usize::MAX);
    }

    /// When the first of those who sleep is to be woken.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        locked(&self.state).sleepers.keys().next().copied()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        locked(&self.state).now
    }
}

/// Sleeps until its clock was moved far enough.
#[derive(Clone, Debug)]
pub struct ManualTimer {
    clock: Arc<ManualClock>,
}

impl ManualTimer {
    /// A timer that goes by `clock`.
    pub const fn new(clock: Arc<ManualClock>) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Timer for ManualTimer {
    async fn sleep(&self, span: Duration) {
        let sleeper = Sleeper::until(&self.clock, span);
        loop {
            let moved = self.clock.moved.listen();
            if self.clock.now() >= sleeper.deadline {
                return;
            }
            moved.await;
        }
    }
}

/// An entry among the clock's sleepers, for as long as someone sleeps.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    deadline: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn until(clock: &'a ManualClock, span: Duration) -> Self {
        let mut state = locked(&clock.state);
        let deadline = state.now + span;
        *state.sleepers.entry(deadline).or_default() += 1;
        Self { clock, deadline }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut state = locked(&self.clock.state);
        if let Some(count) = state.sleepers.get_mut(&self.deadline) {
            *count -= 1;
            if *count == 0 {
                state.sleepers.remove(&self.deadline);
            }
        }
    }
}
