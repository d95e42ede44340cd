//! What can be asked of a port.

use soma_core::tool::CallChange;
use soma_core::work::commit::Commit;
use soma_core::work::session::TurnState;

pub use crate::ports::Point;

/// Whether a call changes something: only then can it be unknown whether it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It changes nothing.
    Reads,
    /// It changes something.
    Writes,
}

/// A method of a port that is not one of the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnPoint {
    /// The port that is asked.
    pub port: &'static str,
    /// What it is asked for.
    pub method: &'static str,
    /// Whether asking changes something.
    pub effect: Effect,
}

impl Point {
    /// The method `method` of the port `port` of your own.
    pub const fn own(port: &'static str, method: &'static str, effect: Effect) -> Self {
        Self::Own(OwnPoint { port, method, effect })
    }

    /// What a commit is for.
    pub(crate) fn of(commit: &Commit) -> Self {
        if commit.accept.is_some() {
            return Self::Accept;
        }
        if let Some(progress) = &commit.turn {
            return match progress.state {
                TurnState::Done => Self::EndTurn,
                TurnState::Waiting => Self::AwaitTools,
                TurnState::Accepted | TurnState::Ready => Self::Progress,
            };
        }
        match commit.calls.first() {
            Some(CallChange::Request { .. }) => Self::RequestCall,
            Some(CallChange::Claim { .. }) => Self::StartCall,
            Some(CallChange::Finish { .. }) => Self::FinishCall,
            None if commit.cancel.is_some() => Self::Cancel,
            None => Self::RecordDenial,
        }
    }
}
