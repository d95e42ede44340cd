//! Calls that have not come back.

use std::task::Waker;

use crate::state::ProcessId;

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It may go on: its index among those that may.
    Ready(usize),
    /// Its process stands still.
    Held,
    /// It goes on.
    Released,
    /// Its process is dead.
    Nowhere,
}

struct Call {
    process: ProcessId,
    place: Place,
    waker: Waker,
}

/// How the process of a new call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Running,
    Paused,
    Dead,
}

/// The calls of every process.
#[derive(Default)]
pub(crate) struct Calls {
    slots: Vec<Call>,
    free: Vec<usize>,
    ready: Vec<usize>,
}

impl Calls {
    /// How many may go on.
    pub(crate) const fn ready(&self) -> usize {
        self.ready.len()
    }

    /// A new call.
    pub(crate) fn ask(&mut self, process: ProcessId, is: Condition, waker: Waker) -> usize {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let place = match is {
            Condition::Running => {
                self.ready.push(slot);
                Place::Ready(self.ready.len() - 1)
            }
            Condition::Paused => Place::Held,
            Condition::Dead => Place::Nowhere,
        };
        let call = Call { process, place, waker };
        match self.slots.get_mut(slot) {
            Some(free) => *free = call,
            None => self.slots.push(call),
        }
        slot
    }

    /// Lets one of those that may go on. Answers whose it is, and whom to wake.
    pub(crate) fn release(&mut self, index: usize) -> (ProcessId, Waker) {
        let slot = self.take(index);
        let call = &mut self.slots[slot];
        call.place = Place::Released;
        (call.process, call.waker.clone())
    }

    /// Whether a call goes on; then it is forgotten.
    pub(crate) fn goes_on(&mut self, slot: usize, waker: &Waker) -> bool {
        let call = &mut self.slots[slot];
        if call.place == Place::Released {
            self.free.push(slot);
            return true;
        }
        call.waker.clone_from(waker);
        false
    }

    /// Nobody waits for the call any more.
    pub(crate) fn forget(&mut self, slot: usize) {
        if let Place::Ready(index) = self.slots[slot].place {
            self.take(index);
        }
        self.slots[slot].place = Place::Nowhere;
        self.free.push(slot);
    }

    /// The process stands still.
    pub(crate) fn hold(&mut self, process: ProcessId) {
        self.put_aside(process, Place::Held);
    }

    /// The process is dead.
    pub(crate) fn dead_letter(&mut self, process: ProcessId) {
        self.put_aside(process, Place::Nowhere);
        self.move_held(process, Place::Nowhere);
    }

    /// The process goes on.
    pub(crate) fn resume(&mut self, process: ProcessId) {
        self.move_held(process, Place::Ready(0));
    }

    fn take(&mut self, index: usize) -> usize {
        let slot = self.ready.swap_remove(index);
        if let Some(moved) = self.ready.get(index) {
            self.slots[*moved].place = Place::Ready(index);
        }
        slot
    }

    fn put_aside(&mut self, process: ProcessId, place: Place) {
        for slot in std::mem::take(&mut self.ready) {
            let call = &mut self.slots[slot];
            if call.process == process {
                call.place = place;
            } else {
                call.place = Place::Ready(self.ready.len());
                self.ready.push(slot);
            }
        }
    }

    fn move_held(&mut self, process: ProcessId, to: Place) {
        for (slot, call) in self.slots.iter_mut().enumerate() {
            if call.process != process || call.place != Place::Held {
                continue;
            }
            call.place = to;
            if matches!(to, Place::Ready(_)) {
                call.place = Place::Ready(self.ready.len());
                self.ready.push(slot);
            }
        }
    }
}
