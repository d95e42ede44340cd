//! A claim of tool calls, and how far its calls are.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::conversation::event::Event;
use crate::flows::claims::Handled;
use crate::flows::stop::Stop;
use crate::ports::work::Claim;
use crate::tool::{CallChange, CallState};
use crate::work::commit::Commit;

/// The claim, and how far its calls are.
pub(super) struct Held<'a> {
    pub(super) claim: &'a Claim,
    /// Given before the commit that releases it.
    pub(super) releasing: &'a Stop,
    progress: Mutex<Progress>,
}

struct Progress {
    /// How many calls are not ended yet.
    open: usize,
    released: bool,
    /// How many events the session would have if nobody else wrote in it.
    expected: u64,
    /// How many it was seen to have.
    seen: u64,
}

impl<'a> Held<'a> {
    pub(super) fn new(claim: &'a Claim, open: usize, releasing: &'a Stop) -> Self {
        let seen = claim.session.chain.count.0;
        Self {
            claim,
            releasing,
            progress: Mutex::new(Progress { open, released: false, expected: seen, seen }),
        }
    }

    /// Whether all calls but one have ended for good: the end of that one may release the claim.
    pub(super) fn is_last(&self) -> bool {
        self.progress().open == 1
    }

    pub(super) fn wrote(&self, commit: &Commit, events: &[Event]) {
        let mut progress = self.progress();
        progress.expected += events.len() as u64;
        progress.seen = events.iter().map(|event| event.seq.0).fold(progress.seen, u64::max);
        progress.released |= commit.release;
        if commit.calls.iter().any(|change| matches!(change, CallChange::Finish { .. })) {
            progress.open = progress.open.saturating_sub(1);
        }
    }

    /// Whoever else wrote in the session may have asked for another tool.
    pub(super) fn handled(&self) -> Handled {
        let progress = self.progress();
        let on_their_way = self.claim.calls.iter().any(|call| call.state < CallState::Ready);
        let more = on_their_way || progress.seen > progress.expected;
        Handled { released: progress.released, more }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
