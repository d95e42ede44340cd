//! What a gateway knows of the streams of its sessions, and who waits for more.
//!
//! Followers pull: the hub keeps one state per session and notifies those who wait, so a client that
//! reads slowly costs no memory, and none is ever sent a gap.

mod feed;
mod feeds;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::{Event as Signal, EventListener};

use crate::conversation::event::{Event, Seq};
use crate::ids::{SessionId, TenantId};
use crate::stream::delta::Delta;
pub use feed::News;
use feeds::Feeds;

/// The streams of a gateway's sessions.
#[derive(Clone, Default)]
pub struct Hub {
    feeds: Arc<Mutex<Feeds>>,
}

impl Hub {
    /// A hub that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows a session, until what is returned is dropped.
    pub fn follow(&self, session: SessionId) -> Follower {
        let signal = self.feeds().follow(session);
        Follower { hub: self.clone(), session, signal }
    }

    /// Whether anything of this session is of interest here.
    pub fn knows(&self, session: SessionId) -> bool {
        self.feeds().get(session).is_some()
    }

    /// How many clients follow a session.
    pub fn followers(&self) -> usize {
        self.feeds().followers()
    }

    /// Notes a durable event.
    pub fn event(&self, event: Arc<Event>) {
        self.feeds().event(event);
    }

    /// Notes a piece of the running answer.
    pub fn delta(&self, delta: &Delta) {
        self.feeds().delta(delta);
    }

    /// The sessions that are followed, and whose they are.
    pub fn followed(&self) -> Vec<(TenantId, SessionId)> {
        self.feeds().followed()
    }

    /// Notes how far the store is with sessions; none is one that was deleted.
    pub fn stored(&self, heads: impl IntoIterator<Item = (SessionId, Option<Seq>)>) {
        let mut feeds = self.feeds();
        heads.into_iter().for_each(|(session, head)| feeds.stored(session, head));
    }

    fn feeds(&self) -> MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

crate::opaque_debug!(Hub);

/// Someone who follows a session.
pub struct Follower {
    hub: Hub,
    session: SessionId,
    signal: Arc<Signal>,
}

impl Follower {
    /// The session is this tenant's: from now on it is among those that are
    /// [followed](Hub::followed).
    pub fn confirm(&self, tenant: &TenantId) {
        self.hub.feeds().confirm(self.session, tenant);
    }

    /// What there is beyond the last durable event that was seen.
    pub fn news(&self, seen: Seq) -> News {
        self.hub.feeds().get(self.session).map(|feed| feed.news(seen)).unwrap_or_default()
    }

    /// A listener that ends with the next news: make it before looking, so that none is missed.
    pub fn listen(&self) -> EventListener {
        self.signal.listen()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.hub.feeds().leave(self.session);
    }
}

crate::opaque_debug!(Follower);
