//! When what waits in the memory queue is due: until then nobody can do anything about it.

use std::collections::BTreeMap;
use std::time::Duration;

use soma_core::ids::SessionId;
use soma_core::ports::memory_queue::{SettledWrite, WriteOutcome};
use soma_core::time::Timestamp;

/// What waits in the memory queue, and until when.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The rows that were put off.
    writes: BTreeMap<u64, (SessionId, Timestamp)>,
    /// The sessions that are to be forgotten once more.
    forgets: BTreeMap<SessionId, Timestamp>,
}

impl Waiting {
    /// A write was settled.
    pub(super) fn settled(&mut self, settlement: &SettledWrite, now: Timestamp) {
        let SettledWrite { due, outcome } = settlement;
        match outcome {
            WriteOutcome::PutOff(span) => {
                self.writes.insert(due.id, (due.write.session_id, now + *span));
            }
            WriteOutcome::Made(_) | WriteOutcome::Refused(_) => drop(self.writes.remove(&due.id)),
        }
    }

    /// A session was erased, and with it its writes.
    pub(super) fn erased(&mut self, session: SessionId) {
        self.writes.retain(|_, (of, _)| *of != session);
    }

    /// A session was forgotten, for good or until then.
    pub(super) fn forgot(
        &mut self,
        session: SessionId,
        again_after: Option<Duration>,
        now: Timestamp,
    ) {
        match again_after {
            Some(span) => drop(self.forgets.insert(session, now + span)),
            None => drop(self.forgets.remove(&session)),
        }
    }

    /// When the first of `many` is due, if that is known of all of them.
    pub(super) fn first_due(&self, many: u64) -> Option<Timestamp> {
        if (self.writes.len() + self.forgets.len()) as u64 != many {
            return None;
        }
        let writes = self.writes.values().map(|(_, until)| *until);
        writes.chain(self.forgets.values().copied()).min()
    }
}
