//! The streams of all sessions that are of interest.

use std::collections::BTreeMap;
use std::sync::Arc;

use event_listener::Event as Signal;

use super::feed::Feed;
use crate::conversation::event::{Event, Seq};
use crate::ids::{SessionId, TenantId};
use crate::stream::delta::Delta;

/// How many running answers that nobody follows are kept for those who may come. Some never end: their
/// session was deleted, or the log lost their end.
const MOST_UNFOLLOWED: usize = 4_096;

/// The streams, and in which order those were left that nobody follows.
#[derive(Default)]
pub(super) struct Feeds {
    by_session: BTreeMap<SessionId, Feed>,
    unfollowed: BTreeMap<u64, SessionId>,
    left: u64,
}

impl Feeds {
    pub(super) fn get(&self, session: SessionId) -> Option<&Feed> {
        self.by_session.get(&session)
    }

    pub(super) fn followers(&self) -> usize {
        self.by_session.values().map(|feed| feed.followers).sum()
    }

    /// One more follows a session. Returns what notifies it.
    pub(super) fn follow(&mut self, session: SessionId) -> Arc<Signal> {
        let feed = self.by_session.entry(session).or_default();
        feed.followers += 1;
        if let Some(place) = feed.unfollowed.take() {
            self.unfollowed.remove(&place);
        }
        Arc::clone(&feed.signal)
    }

    /// One fewer follows a session.
    pub(super) fn leave(&mut self, session: SessionId) {
        if let Some(feed) = self.by_session.get_mut(&session) {
            feed.followers = feed.followers.saturating_sub(1);
            self.tidy(session);
        }
    }

    /// Notes whose a session is that is followed.
    pub(super) fn confirm(&mut self, session: SessionId, tenant: &TenantId) {
        if let Some(feed) = self.by_session.get_mut(&session) {
            feed.tenant = Some(tenant.clone());
        }
    }

    /// The sessions that are followed and not known to be deleted, and whose they are.
    pub(super) fn followed(&self) -> Vec<(TenantId, SessionId)> {
        let live = self.by_session.iter().filter(|(_, feed)| feed.followers > 0 && !feed.deleted);
        live.filter_map(|(session, feed)| Some((feed.tenant.clone()?, *session))).collect()
    }

    /// Notes how far the store is; none if it has no such session any more.
    pub(super) fn stored(&mut self, session: SessionId, head: Option<Seq>) {
        match (self.by_session.get_mut(&session), head) {
            (Some(feed), Some(head)) => feed.stored(head),
            (Some(feed), None) => {
                feed.delete();
                self.tidy(session);
            }
            (None, _) => {}
        }
    }

    pub(super) fn event(&mut self, event: Arc<Event>) {
        let session = event.session_id;
        if let Some(feed) = self.by_session.get_mut(&session) {
            feed.event(event);
            self.tidy(session);
        }
    }

    pub(super) fn delta(&mut self, delta: &Delta) {
        self.by_session.entry(delta.session_id).or_default().delta(delta);
        self.tidy(delta.session_id);
    }

    /// Drops a session that is of interest to nobody, and of those that nobody follows the ones that
    /// are too many.
    fn tidy(&mut self, session: SessionId) {
        let Some(feed) = self.by_session.get_mut(&session).filter(|feed| feed.followers == 0)
        else {
            return;
        };
        if feed.is_idle() {
            self.drop_feed(session);
        } else if feed.unfollowed.is_none() {
            self.left += 1;
            feed.unfollowed = Some(self.left);
            self.unfollowed.insert(self.left, session);
            if self.unfollowed.len() > MOST_UNFOLLOWED
                && let Some((_, oldest)) = self.unfollowed.pop_first()
            {
                self.drop_feed(oldest);
            }
        }
    }

    fn drop_feed(&mut self, session: SessionId) {
        if let Some(place) = self.by_session.remove(&session).and_then(|feed| feed.unfollowed) {
            self.unfollowed.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::TurnId;

    fn session(number: usize) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number as u128))
    }

    fn piece(number: usize, offset: usize, text: &str) -> Delta {
        let turn = TurnId::from_uuid(Uuid::from_u128(1));
        Delta::new(session(number), turn, Seq(1), 1).piece(offset, text)
    }

    #[test]
    fn answers_that_never_end_do_not_pile_up() {
        let mut feeds = Feeds::default();
        let most = MOST_UNFOLLOWED;

        (0..most + 10).for_each(|number| feeds.delta(&piece(number, 0, "Hm ")));

        assert_eq!((feeds.by_session.len(), feeds.unfollowed.len()), (most, most));
        assert!(feeds.get(session(9)).is_none(), "the oldest are dropped");
        assert!(feeds.get(session(10)).is_some());
        feeds.delta(&piece(0, 3, "and "));
        assert_eq!(feeds.by_session.len(), most, "a dropped answer is not shown from its middle");
    }

    #[test]
    fn answer_that_is_followed_is_kept() {
        let mut feeds = Feeds::default();
        feeds.delta(&piece(0, 0, "Hm "));
        feeds.follow(session(0));

        (1..=MOST_UNFOLLOWED).for_each(|number| feeds.delta(&piece(number, 0, "Hm ")));

        assert_eq!(feeds.by_session.len(), MOST_UNFOLLOWED + 1);
        feeds.leave(session(0));
        assert!(feeds.get(session(0)).is_some(), "it was left last");
        assert!(feeds.get(session(1)).is_none());
    }

    #[test]
    fn session_that_nobody_follows_and_that_says_nothing_is_dropped() {
        let mut feeds = Feeds::default();
        feeds.follow(session(0));

        feeds.leave(session(0));

        assert_eq!((feeds.by_session.len(), feeds.unfollowed.len()), (0, 0));
    }
}
