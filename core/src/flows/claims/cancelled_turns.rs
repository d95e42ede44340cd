//! Which turns a person cancelled while something is done for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::flows::stop::Stop;
use crate::ids::TurnId;

/// The turns of one claim, and which of them a person cancelled. A claim of calls may have some of a turn
/// that was cancelled beside those of the next, which was not. A copy is the same turns.
#[derive(Clone, Debug, Default)]
pub struct CancelledTurns {
    turns: Arc<Mutex<BTreeMap<TurnId, Stop>>>,
}

impl CancelledTurns {
    /// Given once this turn is cancelled.
    pub fn of(&self, turn: TurnId) -> Stop {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(turn).or_default().clone()
    }
}
