//! Histories that were read for earlier turns: of a session that goes on, only what came since is read.
//!
//! What is kept is only used if what came since continues its chain: then nothing before was changed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::conversation::chain::{BrokenChain, Chain, Link};
use crate::conversation::event::{Event, Seq};
use crate::ids::SessionId;

/// How many events are kept, of all sessions together.
const MOST: usize = 16_384;

/// The newest events that the history of a session is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct History {
    /// Up to here every event was seen.
    chain: Chain,
    /// In order, without a gap but for what histories are not made of.
    events: VecDeque<Event>,
    /// Whether there is nothing before them.
    pub(super) is_whole: bool,
}

impl History {
    /// The history of a session with these events, of which nothing was read yet.
    pub(super) const fn up_to(chain: Chain) -> Self {
        Self { chain, events: VecDeque::new(), is_whole: chain.count.0 == 0 }
    }

    /// The number of the last event that was seen.
    pub(super) const fn seen(&self) -> Seq {
        self.chain.count
    }

    /// The number that all events to be read are below.
    pub(super) fn oldest(&self) -> Seq {
        self.events.front().map_or(self.chain.count.next(), |oldest| oldest.seq)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// Adds what came since, in order, and drops the oldest beyond so many.
    pub(super) fn extend(&mut self, news: Vec<Event>, most: usize) -> Result<(), BrokenChain> {
        for event in news {
            self.chain.verify(&Link::of(&event), event.hash)?;
            if event.kind.is_history() {
                self.events.push_back(event);
            }
        }
        while self.events.len() > most {
            self.events.pop_front();
            self.is_whole = false;
        }
        Ok(())
    }

    /// Adds what came before, newest first.
    pub(super) fn extend_back(&mut self, older: Vec<Event>) {
        for event in older {
            self.events.push_front(event);
        }
    }
}

/// The histories of many sessions; those that were not used for longest go first.
#[derive(Default)]
pub(super) struct Histories {
    kept: Mutex<Kept>,
}

crate::opaque_debug!(Histories);

#[derive(Default)]
struct Kept {
    sessions: BTreeMap<SessionId, (u64, History)>,
    by_use: BTreeMap<u64, SessionId>,
    uses: u64,
    events: usize,
}

impl Histories {
    /// Takes the history of a session: one turn of it runs at a time.
    pub(super) fn take(&self, session: SessionId) -> Option<History> {
        let mut kept = self.kept();
        let (used, history) = kept.sessions.remove(&session)?;
        kept.by_use.remove(&used);
        kept.events -= history.len();
        Some(history)
    }

    /// Keeps the history of a session.
    pub(super) fn put(&self, session: SessionId, history: History) {
        drop(self.take(session));
        let mut kept = self.kept();
        kept.uses += 1;
        kept.events += history.len();
        let used = kept.uses;
        kept.by_use.insert(used, session);
        kept.sessions.insert(session, (used, history));
        while kept.events > MOST
            && let Some((_, oldest)) = kept.by_use.pop_first()
            && let Some((_, dropped)) = kept.sessions.remove(&oldest)
        {
            kept.events -= dropped.len();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::conversation::event::{EventType, NewEvent, Role};
    use crate::digest::Nonce;
    use crate::ids::EventId;
    use crate::time::Timestamp;

    fn session(number: u128) -> SessionId {
        SessionId::from_uuid(Uuid::from_u128(number))
    }

    fn events(kinds: &[EventType]) -> Vec<Event> {
        let mut chain = Chain::new(session(1));
        let new = |(number, kind): (u128, &EventType)| NewEvent {
            event_id: EventId::from_uuid(Uuid::from_u128(number)),
            turn_id: None,
            persona_id: None,
            role: Role::User,
            kind: *kind,
            message: format!("{number}"),
            metadata: Map::new(),
            occurred_at: Timestamp::from_micros(0),
            nonce: Nonce([7; 16]),
        };
        (1..).zip(kinds).map(|one| chain.append(session(1), new(one))).collect()
    }

    fn numbers(history: &History) -> Vec<u64> {
        history.events().map(|event| event.seq.0).collect()
    }

    #[test]
    fn what_came_since_is_added_if_it_continues_the_chain() {
        use EventType::{AssistantFinal, AssistantStarted, UserMessage};
        let mut all = events(&[UserMessage, AssistantStarted, AssistantFinal, UserMessage]);
        let news = all.split_off(2);
        let mut history = History::up_to(Chain { count: all[1].seq, head: all[1].hash });
        all.pop();
        history.extend_back(all);

        let mut altered = news.clone();
        altered[1].message = "altered".into();
        assert!(history.clone().extend(altered, 10).is_err());
        assert!(history.clone().extend(news[1..].to_vec(), 10).is_err());
        history.extend(news, 2).unwrap();

        assert_eq!(
            (numbers(&history), history.seen(), history.oldest()),
            (vec![3, 4], Seq(4), Seq(3))
        );
        assert!(!history.is_whole);
    }

    #[test]
    fn histories_that_were_not_used_for_longest_go_first() {
        let histories = Histories::default();
        let event = events(&[EventType::UserMessage]).remove(0);
        let half = || {
            let mut history = History::up_to(Chain { count: event.seq, head: event.hash });
            history.extend_back(vec![event.clone(); MOST / 2]);
            history
        };
        histories.put(session(1), half());
        histories.put(session(2), half());

        let first = histories.take(session(1)).unwrap();
        histories.put(session(1), first);
        histories.put(session(3), half());

        assert_eq!(histories.take(session(2)), None);
        assert!(histories.take(session(1)).is_some() && histories.take(session(3)).is_some());
        assert_eq!(histories.kept().events, 0);
    }
}
