//! The newest records of a partition, in memory: those who follow it read nothing from the file, and a
//! record that need not outlive its turn is nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use soma_core::outbox::message::Record;
use soma_core::ports::log::Positioned;

/// How much of a partition is kept here, in bytes.
const KEPT: usize = 2 << 20;
/// What a record takes beside its value, as a rule of thumb.
const OVERHEAD: usize = 512;

/// The end of a partition.
#[derive(Debug, Default)]
pub(super) struct Tail {
    state: Mutex<State>,
    /// Told of every record that comes.
    pub(super) grown: Event,
}

#[derive(Debug, Default)]
struct State {
    /// The offset of the next record; none until the file was asked.
    next: Option<u64>,
    /// From here on every record that there is stands in `records`.
    from: u64,
    records: BTreeMap<u64, Arc<Record>>,
    bytes: usize,
    /// Where publishes begin whose transaction is not over: nobody reads beyond, for a record must not
    /// be seen before one that stands before it.
    pending: BTreeSet<u64>,
}

/// What there is from an offset on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// These; none at the end.
    Here(Vec<Positioned>),
    /// What stands below this offset is in the file, if there is any.
    Stored { below: u64 },
    /// The offset lies beyond the end.
    Beyond,
}

impl Tail {
    pub(super) fn is_known(&self) -> bool {
        self.state().next.is_some()
    }

    /// Begins where the file ends, unless it has begun.
    pub(super) fn begin(&self, next: u64) {
        let mut state = self.state();
        if state.next.is_none() {
            (state.next, state.from) = (Some(next), next);
        }
    }

    /// The offset of the next record, as far as all before it can be read.
    pub(super) fn end(&self) -> u64 {
        self.state().end()
    }

    /// Where the records begin that are here.
    pub(super) fn from(&self) -> u64 {
        self.state().from
    }

    /// Appends records that stand nowhere else. Answers the offset of the first.
    pub(super) fn append(&self, records: Vec<Record>) -> u64 {
        let mut state = self.state();
        let first = state.next.unwrap_or_default();
        for (offset, record) in (first..).zip(records) {
            state.next = Some(offset + 1);
            state.keep(offset, Arc::new(record));
        }
        drop(state);
        self.grown.notify(usize::MAX);
        first
    }

    /// Takes offsets for records that are about to be stored. `stored` is where the file ends.
    pub(super) fn reserve(self: &Arc<Self>, stored: u64, records: Arc<[Arc<Record>]>) -> Reserved {
        let mut state = self.state();
        // Another log of the same file may have written.
        if state.next.is_none_or(|next| next < stored) {
            state.forget_below(stored);
            state.next = Some(stored);
        }
        let first = state.next.unwrap_or(stored);
        state.next = Some(first + records.len() as u64);
        state.pending.insert(first);
        Reserved { tail: Arc::clone(self), first, records, is_stored: false }
    }

    /// What there is from an offset on, as far as it fits, but at least one record.
    pub(super) fn look(&self, offset: u64, max_bytes: usize) -> Look {
        self.look_for(offset, max_bytes, 1)
    }

    /// What there is from an offset on, as far as it fits.
    pub(super) fn look_within(&self, offset: u64, max_bytes: usize) -> Look {
        self.look_for(offset, max_bytes, 0)
    }

    fn look_for(&self, offset: u64, max_bytes: usize, least: usize) -> Look {
        let state = self.state();
        let end = state.end();
        if offset > end {
            return Look::Beyond;
        }
        if offset < state.from.min(end) {
            return Look::Stored { below: state.from.min(end) };
        }
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        for (offset, record) in state.records.range(offset..end) {
            // An empty value counts, too: no answer is without end.
            bytes = bytes.saturating_add(record.value.len().max(1));
            if bytes > max_bytes && found.len() >= least {
                break;
            }
            found.push(Positioned { offset: *offset, record: Arc::clone(record) });
        }
        Look::Here(found)
    }

    /// Drops what stands below an offset.
    pub(super) fn drop_below(&self, offset: u64) {
        self.state().forget_below(offset);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&self) -> u64 {
        self.pending.first().copied().or(self.next).unwrap_or_default()
    }

    fn keep(&mut self, offset: u64, record: Arc<Record>) {
        if offset < self.from {
            return;
        }
        self.bytes += record.value.len() + OVERHEAD;
        self.records.insert(offset, record);
        while self.bytes > KEPT
            && self.records.len() > 1
            && let Some((oldest, record)) = self.records.pop_first()
        {
            self.bytes = self.bytes.saturating_sub(record.value.len() + OVERHEAD);
            self.from = oldest + 1;
        }
    }

    fn forget_below(&mut self, offset: u64) {
        if offset <= self.from {
            return;
        }
        self.from = offset;
        self.records = self.records.split_off(&offset);
        self.bytes = self.records.values().map(|record| record.value.len() + OVERHEAD).sum();
    }
}

/// Offsets of records that are being stored. If nobody says that they are, the file is asked.
#[derive(Debug)]
pub(super) struct Reserved {
    tail: Arc<Tail>,
    pub(super) first: u64,
    pub(super) records: Arc<[Arc<Record>]>,
    is_stored: bool,
}

impl Reserved {
    /// The records are stored: they can be read from now on. Answers the offset of the first.
    pub(super) fn stored(mut self) -> u64 {
        self.is_stored = true;
        self.first
    }
}

impl Drop for Reserved {
    /// Without being told, what became of the records stands in the file alone: their transaction is
    /// over, for this is dropped by it or by whoever it was answered to.
    fn drop(&mut self) {
        let mut state = self.tail.state();
        state.pending.remove(&self.first);
        if self.is_stored {
            for (offset, record) in (self.first..).zip(self.records.iter()) {
                state.keep(offset, Arc::clone(record));
            }
        } else {
            state.forget_below(self.first + self.records.len() as u64);
        }
        drop(state);
        self.tail.grown.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use soma_core::time::Timestamp;

    use super::*;

    fn record(value: &str) -> Record {
        Record {
            key: "k".into(),
            value: value.as_bytes().to_vec().into(),
            headers: BTreeMap::new(),
            at: Timestamp::from_micros(0),
        }
    }

    fn known() -> Arc<Tail> {
        let tail = Arc::new(Tail::default());
        tail.begin(7);
        tail
    }

    fn stored(tail: &Arc<Tail>, value: &str) -> Reserved {
        tail.reserve(7, [Arc::new(record(value))].into())
    }

    fn offsets(look: Look) -> Vec<u64> {
        let Look::Here(found) = look else { panic!("{look:?}") };
        found.iter().map(|one| one.offset).collect()
    }

    #[test]
    fn nothing_is_read_before_what_stands_before_it() {
        let tail = known();
        let being_stored = stored(&tail, "a");

        tail.append(vec![record("b")]);

        assert_eq!((tail.end(), offsets(tail.look(7, 100))), (7, vec![]));
        assert_eq!(tail.look(8, 100), Look::Beyond);
        being_stored.stored();
        assert_eq!((tail.end(), offsets(tail.look(7, 100))), (9, vec![7, 8]));
    }

    #[test]
    fn what_is_not_known_to_be_stored_is_looked_for_in_the_file() {
        let tail = known();
        tail.append(vec![record("a")]);

        drop(stored(&tail, "b"));
        tail.append(vec![record("c")]);

        assert_eq!(tail.look(7, 100), Look::Stored { below: 9 });
        assert_eq!(offsets(tail.look(9, 100)), [9]);
    }

    #[test]
    fn what_is_being_stored_is_waited_for_whatever_became_of_what_follows() {
        let tail = known();
        let (first, second) = (stored(&tail, "a"), stored(&tail, "b"));

        drop(second);

        assert_eq!(offsets(tail.look(7, 100)), [0_u64; 0]);
        drop(first);
        assert_eq!(tail.look(7, 100), Look::Stored { below: 9 });
    }

    #[test]
    fn oldest_go_when_there_are_too_many() {
        let tail = known();
        let large = "x".repeat(KEPT / 2);

        tail.append(vec![record(&large), record(&large), record("c")]);

        assert_eq!((tail.from(), offsets(tail.look(9, 100))), (8, vec![9]));
        assert_eq!(tail.look(7, 100), Look::Stored { below: 8 });
    }

    #[test]
    fn file_that_another_wrote_to_is_believed() {
        let tail = known();
        tail.append(vec![record("a")]);

        let later = tail.reserve(20, [Arc::new(record("b"))].into());

        assert_eq!(later.stored(), 20);
        assert_eq!(tail.look(7, 100), Look::Stored { below: 20 });
        assert_eq!(offsets(tail.look(20, 100)), [20]);
    }
}
