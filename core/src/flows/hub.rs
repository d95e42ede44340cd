//! What a gateway knows of the streams of its sessions, and who waits for more.
//!
//! Followers pull: the hub keeps one state per session and pokes those who wait, so a client that
//! reads slowly costs no memory, and none is ever sent a gap.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::{Event as Signal, EventListener};

use crate::conversation::event::{Event, Seq};
use crate::ids::SessionId;
use crate::stream::answer::{Applied, RunningAnswer, apply};
use crate::stream::delta::Delta;

/// How many of a session's newest events are kept at hand for those who follow it.
const RECENT: usize = 64;

/// The streams of a gateway's sessions.
#[derive(Clone, Default)]
pub struct Hub {
    feeds: Arc<Mutex<BTreeMap<SessionId, Feed>>>,
}

#[derive(Default)]
struct Feed {
    followers: usize,
    signal: Arc<Signal>,
    head: Seq,
    recent: VecDeque<Arc<Event>>,
    running: Option<RunningAnswer>,
}

/// What a follower has not seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// The next events, without a gap; empty also if they are no longer at hand.
    pub events: Vec<Arc<Event>>,
    /// Whether there are events that are no longer at hand: they are in the store.
    pub behind: bool,
    /// The running answer.
    pub running: Option<RunningAnswer>,
}

impl Hub {
    /// A hub that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows a session, until what is returned is dropped.
    pub fn follow(&self, session: SessionId) -> Follower {
        let mut feeds = self.feeds();
        let feed = feeds.entry(session).or_default();
        feed.followers += 1;
        Follower { hub: self.clone(), session, signal: Arc::clone(&feed.signal) }
    }

    /// Whether anything of this session is of interest here.
    pub fn knows(&self, session: SessionId) -> bool {
        self.feeds().contains_key(&session)
    }

    /// How many clients follow a session.
    pub fn followers(&self) -> usize {
        self.feeds().values().map(|feed| feed.followers).sum()
    }

    /// Takes note of a durable event.
    pub fn event(&self, event: Arc<Event>) {
        let mut feeds = self.feeds();
        let session = event.session_id;
        let Some(feed) = feeds.get_mut(&session) else { return };
        feed.take(event);
        feed.signal.notify(usize::MAX);
        if feed.is_idle() {
            feeds.remove(&session);
        }
    }

    /// Takes note of a piece of the running answer.
    pub fn delta(&self, delta: &Delta) {
        let mut feeds = self.feeds();
        let feed = feeds.entry(delta.session_id).or_default();
        if feed.head >= delta.after_seq && feed.recent.iter().any(|event| ends(event, delta)) {
            return;
        }
        if apply(&mut feed.running, delta) == Applied::Extended {
            feed.signal.notify(usize::MAX);
        }
        if feed.is_idle() {
            feeds.remove(&delta.session_id);
        }
    }

    fn feeds(&self) -> MutexGuard<'_, BTreeMap<SessionId, Feed>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the turn of a piece is over: the piece came late.
fn ends(event: &Event, delta: &Delta) -> bool {
    event.kind.is_terminal() && event.turn_id == Some(delta.turn_id)
}

impl Feed {
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

    fn is_idle(&self) -> bool {
        self.followers == 0 && self.running.is_none()
    }

    fn news(&self, seen: Seq) -> News {
        let first = self.recent.front().map_or(self.head.next(), |event| event.seq);
        let at_hand = first <= seen.next();
        let events = self.recent.iter().filter(|event| at_hand && event.seq > seen);
        News {
            events: events.cloned().collect(),
            behind: self.head > seen && !at_hand,
            running: self.running.clone(),
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({} sessions)", self.feeds().len())
    }
}

/// Someone who follows a session.
pub struct Follower {
    hub: Hub,
    session: SessionId,
    signal: Arc<Signal>,
}

impl Follower {
    /// What there is beyond the last durable event that was seen.
    pub fn news(&self, seen: Seq) -> News {
        self.hub.feeds().get(&self.session).map(|feed| feed.news(seen)).unwrap_or_default()
    }

    /// A listener that ends with the next news: make it before looking, so that none is missed.
    pub fn listen(&self) -> EventListener {
        self.signal.listen()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut feeds = self.hub.feeds();
        if let Some(feed) = feeds.get_mut(&self.session) {
            feed.followers = feed.followers.saturating_sub(1);
            if feed.is_idle() {
                feeds.remove(&self.session);
            }
        }
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Follower({})", self.session)
    }
}
