//! What a gateway knows of one session's stream.

use std::collections::VecDeque;
use std::sync::Arc;

use event_listener::Event as Signal;

use crate::conversation::event::{Event, Seq};
use crate::ids::TenantId;
use crate::stream::answer::{Applied, RunningAnswer, apply};
use crate::stream::delta::Delta;

/// How many of a session's newest events are kept at hand for those who follow it.
const RECENT: usize = 64;

/// What a follower has not seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// The next events, without a gap; empty also if they are no longer at hand.
    pub events: Vec<Arc<Event>>,
    /// Whether there are events that are no longer at hand: they are in the store.
    pub behind: bool,
    /// The running answer.
    pub running: Option<RunningAnswer>,
    /// Whether the session was deleted: nothing more comes.
    pub deleted: bool,
}

/// One session's stream.
#[derive(Default)]
pub(super) struct Feed {
    pub(super) followers: usize,
    pub(super) signal: Arc<Signal>,
    /// Its place among the answers that nobody follows.
    pub(super) unfollowed: Option<u64>,
    /// Whose it is, once a follower has found out.
    pub(super) tenant: Option<TenantId>,
    /// Whether the session was deleted.
    pub(super) deleted: bool,
    head: Seq,
    /// The last event that the store is known to have.
    stored: Seq,
    recent: VecDeque<Arc<Event>>,
    running: Option<RunningAnswer>,
}

impl Feed {
    /// Notes a durable event.
    pub(super) fn event(&mut self, event: Arc<Event>) {
        self.take(event);
        self.signal.notify(usize::MAX);
    }

    /// Notes a piece of the running answer.
    pub(super) fn delta(&mut self, delta: &Delta) {
        if self.head >= delta.after_seq && self.recent.iter().any(|event| ends(event, delta)) {
            return;
        }
        if apply(&mut self.running, delta) == Applied::Extended {
            self.signal.notify(usize::MAX);
        }
    }

    /// Notes how far the store is: the log may not have told of all of it.
    pub(super) fn stored(&mut self, head: Seq) {
        if head > self.stored.max(self.head) {
            self.stored = head;
            self.signal.notify(usize::MAX);
        }
    }

    /// Notes that the session was deleted: nobody is shown any more of it.
    pub(super) fn delete(&mut self) {
        self.deleted = true;
        self.recent.clear();
        self.running = None;
        self.signal.notify(usize::MAX);
    }

    fn take(&mut self, event: Arc<Event>) {
        if event.seq <= self.head {
            return;
        }
        if event.seq != self.head.next() {
            self.recent.clear();
        }
        self.head = event.seq;
        let over = event.kind.is_terminal();
        if over && self.running.as_ref().is_some_and(|answer| Some(answer.turn_id) == event.turn_id)
        {
            self.running = None;
        }
        self.recent.push_back(event);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// Whether it is of interest to nobody, now and later.
    pub(super) const fn is_idle(&self) -> bool {
        self.followers == 0 && self.running.is_none()
    }

    /// What there is beyond the last durable event that was seen.
    pub(super) fn news(&self, seen: Seq) -> News {
        let first = self.recent.front().map_or(self.head.next(), |event| event.seq);
        let at_hand = first <= seen.next();
        let events = self.recent.iter().filter(|event| at_hand && event.seq > seen);
        News {
            events: events.cloned().collect(),
            behind: (self.head > seen && !at_hand) || self.stored > seen.max(self.head),
            running: self.running.clone(),
            deleted: self.deleted,
        }
    }
}

/// Whether the turn of a piece is over: the piece came late.
fn ends(event: &Event, delta: &Delta) -> bool {
    event.kind.is_terminal() && event.turn_id == Some(delta.turn_id)
}
