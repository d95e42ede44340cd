//! Those who sleep, and when they are woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use soma_core::time::Timestamp;

use crate::state::ProcessId;

struct Sleeper {
    process: ProcessId,
    /// Tells it from others that had its slot before.
    number: u64,
    is: Is,
    waker: Waker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Asleep,
    /// It is time, but its process stands still.
    Held,
    Awake,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// A sleeper is woken.
    Ring {
        /// Which.
        slot: usize,
        /// Its number.
        number: u64,
    },
    /// A process goes on.
    Resume(ProcessId),
}

/// Every alarm and every sleeper.
#[derive(Default)]
pub(crate) struct Alarms {
    due: BinaryHeap<Reverse<(Timestamp, u64, Alarm)>>,
    sleepers: Vec<Sleeper>,
    free: Vec<usize>,
    numbers: u64,
}

impl Alarms {
    /// When the first is due.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    /// The first, if it is due.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Alarm> {
        if self.first().is_none_or(|at| at > now) {
            return None;
        }
        self.due.pop().map(|Reverse((_, _, alarm))| alarm)
    }

    /// Sets an alarm.
    pub(crate) fn set(&mut self, at: Timestamp, alarm: Alarm) {
        self.numbers += 1;
        self.due.push(Reverse((at, self.numbers, alarm)));
    }

    /// Someone sleeps until then.
    pub(crate) fn sleep(&mut self, process: ProcessId, until: Timestamp, waker: Waker) -> usize {
        let number = self.numbers + 1;
        let sleeper = Sleeper { process, number, is: Is::Asleep, waker };
        let slot = self.free.pop().unwrap_or(self.sleepers.len());
        match self.sleepers.get_mut(slot) {
            Some(free) => *free = sleeper,
            None => self.sleepers.push(sleeper),
        }
        self.set(until, Alarm::Ring { slot, number });
        slot
    }

    /// Whose alarm it is, if the sleeper is still there.
    pub(crate) fn owner(&self, slot: usize, number: u64) -> Option<ProcessId> {
        let sleeper = &self.sleepers[slot];
        (sleeper.number == number).then_some(sleeper.process)
    }

    /// Wakes a sleeper.
    pub(crate) fn ring(&mut self, slot: usize) {
        let sleeper = &mut self.sleepers[slot];
        sleeper.is = Is::Awake;
        sleeper.waker.wake_by_ref();
    }

    /// It is time, but the sleeper's process stands still.
    pub(crate) fn hold(&mut self, slot: usize) {
        self.sleepers[slot].is = Is::Held;
    }

    /// The process goes on: those for whom it was time are woken.
    pub(crate) fn resume(&mut self, process: ProcessId) {
        for sleeper in &mut self.sleepers {
            if sleeper.process == process && sleeper.is == Is::Held {
                sleeper.is = Is::Awake;
                sleeper.waker.wake_by_ref();
            }
        }
    }

    /// Whether the sleeper was woken.
    pub(crate) fn is_awake(&mut self, slot: usize, waker: &Waker) -> bool {
        let sleeper = &mut self.sleepers[slot];
        if sleeper.is != Is::Awake {
            sleeper.waker.clone_from(waker);
        }
        sleeper.is == Is::Awake
    }

    /// Nobody sleeps here any more.
    pub(crate) fn forget(&mut self, slot: usize) {
        let sleeper = &mut self.sleepers[slot];
        sleeper.number = 0;
        sleeper.is = Is::Asleep;
        self.free.push(slot);
    }
}
