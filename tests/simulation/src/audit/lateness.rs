//! On a fair day nothing comes late: neither an event to who follows, nor the end of what was
//! cancelled, nor the first piece of a slow answer.

use std::collections::BTreeMap;
use std::time::Duration;

use soma_core::conversation::event::{Event, EventType};
use soma_core::ids::{EventId, TurnId};
use soma_core::time::Timestamp;

use super::invariant::{Invariant, Wrong};
use super::{Audit, Books};

/// How long after its commit an event may come to a client.
const TO_CLIENT: Duration = Duration::from_millis(400);
/// How long a turn may go on that somebody cancelled while it ran.
const TO_END: Duration = Duration::from_secs(1);
/// An answer that takes so long from its first piece to its end is shown before its end.
const SLOW: Duration = Duration::from_secs(1);
/// How long it may take until things are as they were after a log lost its tail.
const RECOVERY: Duration = Duration::from_secs(1);

/// How often a gateway looks into the store for events that the log lost; pieces wait for these.
const LOOK: Duration = Duration::from_secs(5);

/// When things happened, on a fair day.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    is_fair: bool,
    /// Until when lateness is excused.
    excused: Timestamp,
    committed: BTreeMap<EventId, Timestamp>,
    /// When turns were cancelled that ran.
    cancelled: BTreeMap<TurnId, Timestamp>,
    /// When the first text of the running attempt was heard.
    first_said: BTreeMap<TurnId, Timestamp>,
}

impl Lateness {
    /// A turn that runs is cancelled.
    pub(super) fn cancelled(&mut self, turn: TurnId, now: Timestamp) {
        if self.is_fair {
            self.cancelled.entry(turn).or_insert(now);
        }
    }

    /// A worker heard some of the answer.
    pub(super) fn said(&mut self, turn: TurnId, now: Timestamp) {
        if self.is_fair {
            self.first_said.entry(turn).or_insert(now);
        }
    }

    /// Events were committed.
    pub(super) fn committed(&mut self, events: &[Event], now: Timestamp) -> Result<(), Wrong> {
        if !self.is_fair {
            return Ok(());
        }
        for event in events {
            self.committed.insert(event.event_id, now);
            let Some(turn) = event.turn_id else { continue };
            if event.kind == EventType::AssistantRestarted {
                self.first_said.remove(&turn);
            }
            let asked = self.cancelled.get(&turn).filter(|_| event.kind.is_terminal());
            if let Some(took) = asked.map(|at| now.since(*at)).filter(|took| *took > TO_END) {
                let what = format!("{turn} ended {took:?} after it was cancelled");
                return Err((Invariant::Lateness, what));
            }
        }
        Ok(())
    }
}

impl Audit {
    /// Nothing goes wrong in this run but that the log may lose the tail of what is shown.
    pub fn expect_fair_day(&self) {
        self.books().lateness.is_fair = true;
    }

    /// The log lost something: it may take a moment until all is well again.
    pub fn excuse_lateness(&self) {
        let until = self.ledger.now() + RECOVERY;
        self.books().lateness.excused = until;
    }

    /// A client that has followed without a break `since` then sees an event, and has seen the first
    /// piece of its answer at `shown`, if it saw one.
    pub fn seen(&self, event: &Event, since: Timestamp, shown: Option<Timestamp>) {
        let now = self.ledger.now();
        let mut books = self.books();
        let Books { lateness, .. } = &mut *books;
        let since = since.max(lateness.excused);
        let Some(at) = lateness.committed.get(&event.event_id).copied() else { return };
        let took = now.since(at);
        let wrong = if at > since && took > TO_CLIENT {
            Some(format!("event {} of {} came after {took:?}", event.seq.0, event.session_id))
        } else if event.kind == EventType::AssistantFinal {
            let first = event.turn_id.and_then(|turn| lateness.first_said.get(&turn));
            let since = since.max(lateness.excused + LOOK);
            let slow = first.filter(|first| **first > since && at.since(**first) > SLOW);
            let is_late = |first: &&Timestamp| shown.is_none_or(|at| at.since(**first) > SLOW);
            slow.filter(is_late).map(|first| {
                let took = at.since(*first);
                format!(
                    "of the answer {:?}, which took {took:?}, nothing was shown",
                    event.answer()
                )
            })
        } else {
            None
        };
        if let Some(what) = wrong {
            books.violate(Invariant::Lateness, what);
        }
    }
}
