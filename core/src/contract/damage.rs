//! Making what is stored unreadable, as another build or a bad disk would.

use async_trait::async_trait;

use crate::conversation::event::Seq;
use crate::ids::{CallId, SessionId, TurnId};

/// What is made unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// The last input of a turn.
    LastInput(TurnId),
    /// What a call asks for.
    Call(CallId),
    /// What came of a call.
    Outcome(CallId),
    /// An event.
    Event(SessionId, Seq),
    /// The oldest row of the outbox that has this session as its key.
    OutboxRow(SessionId),
    /// The memory writes of a session that wait.
    Memories(SessionId),
}

/// Damages what an implementation has stored, behind its back.
#[async_trait]
pub trait Damage: Send + Sync {
    /// From now on it cannot be read.
    async fn damage(&self, what: Damaged);
}

/// For tests that damage nothing, and look at nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoDamage;

#[async_trait]
impl Damage for NoDamage {
    async fn damage(&self, what: Damaged) {
        panic!("{what:?} cannot be damaged here");
    }
}
