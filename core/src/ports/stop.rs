//! The signal to stop: loops look at it, waits end by it. It is given to who is called, as a part of
//! what they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;

/// A signal that is given once and seen by everyone who holds a copy.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    set: AtomicBool,
    event: Event,
}

impl Stop {
    /// A signal that is not given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Again is nothing.
    pub fn trigger(&self) {
        self.state.set.store(true, Ordering::SeqCst);
        self.state.event.notify(usize::MAX);
    }

    /// Whether the signal was given.
    pub fn is_set(&self) -> bool {
        self.state.set.load(Ordering::SeqCst)
    }

    /// Resolves once the signal is given.
    pub async fn wait(&self) {
        while !self.is_set() {
            let listener = self.state.event.listen();
            if self.is_set() {
                return;
            }
            listener.await;
        }
    }
}
