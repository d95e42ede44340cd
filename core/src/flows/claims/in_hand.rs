//! What an instance works on, and how those who work are told that it changed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::{Event as Signal, EventListener};

use super::cancelled_turns::CancelledTurns;
use crate::flows::stop::Stop;
use crate::ports::work::{Heartbeat, Holding};
use crate::time::Timestamp;

/// What whoever works on a claim is told.
#[derive(Clone, Default)]
pub(super) struct Signs {
    /// The turns that a person cancelled.
    pub(super) cancelled: CancelledTurns,
    /// The claim is someone else's.
    pub(super) lost: Stop,
}

/// The claims that are worked on.
#[derive(Default)]
pub(super) struct InHand {
    books: Mutex<Books>,
    finished: Signal,
    /// Whether something that is finished may have left more work.
    more: AtomicBool,
    asked: Signal,
    /// Whether somebody wants to know how the claims stand.
    wanted: AtomicBool,
}

#[derive(Default)]
struct Books {
    claims: BTreeMap<Holding, Signs>,
    /// When the store last knew that this instance is alive.
    heard: Timestamp,
}

impl InHand {
    /// Takes a claim up, until the guard is dropped.
    pub(super) fn take(this: &Arc<Self>, holding: Holding) -> (Signs, Guard) {
        let signs = Signs::default();
        this.books().claims.insert(holding, signs.clone());
        (signs, Guard { in_hand: Arc::clone(this), holding })
    }

    pub(super) fn count(&self) -> usize {
        self.books().claims.len()
    }

    pub(super) fn holding(&self) -> Vec<Holding> {
        self.books().claims.keys().copied().collect()
    }

    /// Resolves once something is finished after this.
    pub(super) fn finished(&self) -> EventListener {
        self.finished.listen()
    }

    /// Resolves once nothing is in hand.
    pub(super) async fn empty(&self) {
        loop {
            let finished = self.finished();
            if self.count() == 0 {
                return;
            }
            finished.await;
        }
    }

    /// What was released may have left more work.
    pub(super) fn note(&self, more: bool) {
        self.more.fetch_or(more, Ordering::SeqCst);
    }

    /// Whether what is finished may have left more work, since it was asked last.
    pub(super) fn left_more(&self) -> bool {
        self.more.swap(false, Ordering::SeqCst)
    }

    /// Has the store asked at once how the claims stand.
    pub(super) fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        self.asked.notify(usize::MAX);
    }

    /// Resolves once somebody wants to know how the claims stand.
    pub(super) async fn asked(&self) {
        loop {
            let asked = self.asked.listen();
            if self.wanted.swap(false, Ordering::SeqCst) {
                return;
            }
            asked.await;
        }
    }

    /// The store knows that this instance was alive at a time.
    pub(super) fn heard(&self, at: Timestamp) {
        let mut books = self.books();
        books.heard = books.heard.max(at);
    }

    /// Tells those who work what the store says.
    pub(super) fn tell(&self, told: &Heartbeat) {
        let books = self.books();
        for signs in told.lost.iter().filter_map(|lost| books.claims.get(lost)) {
            signs.lost.trigger();
        }
        for turn in &told.cancelled {
            if let Some(signs) = books.claims.get(&turn.holding) {
                signs.cancelled.of(turn.turn_id).trigger();
            }
        }
    }

    /// Everything is lost if by `now` the store heard nothing for `ttl`.
    pub(super) fn lose_unless_heard(&self, now: Timestamp, ttl: Duration) {
        let books = self.books();
        if now.since(books.heard) >= ttl {
            books.claims.values().for_each(|signs| signs.lost.trigger());
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a claim in hand until it is dropped, also by a panic.
pub(super) struct Guard {
    in_hand: Arc<InHand>,
    holding: Holding,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.in_hand.books().claims.remove(&self.holding);
        self.in_hand.finished.notify(usize::MAX);
    }
}
