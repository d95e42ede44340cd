//! Notices that a poll does not come back: nothing in its own thread could say so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::run::{Order, Outcome, run_counting};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// At how many looks in a row a run may be where it was: a poll takes some microseconds.
const PATIENCE: u32 = 30;

/// What one thread simulates, as others see it.
#[derive(Debug, Default)]
pub struct Pulse {
    running: Mutex<Option<u64>>,
    polls: Arc<AtomicU64>,
}

impl Pulse {
    /// Runs `order` so that others see how far it is.
    pub fn run(&self, order: &Order) -> Outcome {
        *self.running() = Some(order.seed);
        let outcome = run_counting(order, Arc::clone(&self.polls));
        *self.running() = None;
        outcome
    }

    /// The seed that is running, and how many polls there were so far.
    fn beat(&self) -> Option<(u64, u64)> {
        self.running().map(|seed| (seed, self.polls.load(Ordering::Relaxed)))
    }

    fn running(&self) -> MutexGuard<'_, Option<u64>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work`, whose threads have these pulses. If a poll of theirs does not come back, `hung` is
/// told its seed, once.
pub fn watched<T>(pulses: &[Pulse], hung: impl FnOnce(u64) + Send, work: impl FnOnce() -> T) -> T {
    let (working, over) = channel();
    thread::scope(|scope| {
        scope.spawn(move || Watch::new(pulses).keep(&over, hung));
        let done = work();
        drop(working);
        done
    })
}

/// Looks at pulses.
struct Watch<'a>(Vec<Seen<'a>>);

/// A pulse, as it was last seen, and at how many looks since then it was the same.
struct Seen<'a> {
    pulse: &'a Pulse,
    beat: Option<(u64, u64)>,
    same: u32,
}

impl<'a> Watch<'a> {
    fn new(pulses: &'a [Pulse]) -> Self {
        Self(pulses.iter().map(|pulse| Seen { pulse, beat: None, same: 0 }).collect())
    }

    /// Looks until it is `over`, or something hangs.
    fn keep(mut self, over: &Receiver<()>, hung: impl FnOnce(u64)) {
        while over.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if let Some(seed) = self.look() {
                return hung(seed);
            }
        }
    }

    /// Looks once. Answers the seed of a run that hangs, if one does.
    fn look(&mut self) -> Option<u64> {
        self.0.iter_mut().find_map(|seen| {
            let beat = seen.pulse.beat();
            seen.same = if beat.is_some() && beat == seen.beat { seen.same + 1 } else { 0 };
            seen.beat = beat;
            beat.filter(|_| seen.same >= PATIENCE).map(|(seed, _)| seed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(seed: u64) -> Pulse {
        Pulse { running: Mutex::new(Some(seed)), polls: Arc::default() }
    }

    #[test]
    fn run_that_stays_where_it_is_is_named() {
        let pulses = [Pulse::default(), running(7)];
        let mut watch = Watch::new(&pulses);

        let looks: Vec<_> = (0..=PATIENCE).map(|_| watch.look()).collect();

        let (last, before) = looks.split_last().unwrap();
        assert!(before.iter().all(Option::is_none), "{looks:?}");
        assert_eq!(*last, Some(7));
    }

    #[test]
    fn run_that_goes_on_is_not_named() {
        let pulses = [running(7)];
        let mut watch = Watch::new(&pulses);

        for _ in 0..PATIENCE * 3 {
            assert_eq!(watch.look(), None);
            pulses[0].polls.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn thread_that_runs_nothing_does_not_hang() {
        let pulses = [Pulse::default()];
        let mut watch = Watch::new(&pulses);

        assert!((0..PATIENCE * 3).all(|_| watch.look().is_none()));
    }

    #[test]
    fn work_ends_the_watch() {
        let pulses = [Pulse::default()];

        let outcome = watched(&pulses, |_| {}, || pulses[0].run(&Order::of(1)));

        assert_eq!(outcome.seed, 1);
        assert!(pulses[0].polls.load(Ordering::Relaxed) >= outcome.steps, "{outcome:?}");
    }
}
