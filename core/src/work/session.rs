//! A session and its turns, as a store keeps them.

use serde::{Deserialize, Serialize};

use crate::conversation::chain::Chain;
use crate::conversation::event::Seq;
use crate::ids::{PersonaId, SessionId, TenantId, TurnId};
use crate::names::names;
use crate::time::Timestamp;
use crate::tool::CallRecord;
use crate::turn::input::RecordedInput;
use crate::unreadable::Unreadable;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub session_id: SessionId,
    /// The persona it was opened with.
    pub persona_id: Option<PersonaId>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its last event was recorded, by the clock that was the furthest ahead of those by which
    /// any of its events were: it never moves back.
    pub updated_at: Timestamp,
    /// How many events it has, and the hash of the last.
    pub chain: Chain,
    /// How many turns were accepted.
    pub turns_accepted: u64,
    /// How many turns are done.
    pub turns_done: u64,
}

/// Where a turn is, for those who hand out work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// Accepted; its message is on its way through the log.
    Accepted,
    /// A worker may take it up, once every earlier turn of its session is done.
    Ready,
    /// It waits for tools.
    Waiting,
    /// Its terminal event is recorded.
    Done,
}

names!(TurnState, "state of a turn", {
    Accepted = "accepted",
    Ready = "ready",
    Waiting = "waiting",
    Done = "done",
});

/// A turn and its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// Whose.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// Which.
    pub turn_id: TurnId,
    /// Its number in the session, from 1 without a gap: turns run in this order.
    pub number: u64,
    /// Where it is.
    pub state: TurnState,
    /// Whether a person cancelled it.
    pub cancel_requested: bool,
    /// How many inputs it has taken.
    pub steps: u32,
    /// Every input it has taken, in order; if one cannot be read, those before it.
    pub inputs: Vec<RecordedInput>,
    /// All its inputs as they are stored, one a line, if one of them cannot be read.
    pub unreadable: Option<Unreadable>,
    /// Its tool calls.
    pub calls: Vec<CallRecord>,
}

/// Which events of a session to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventRange {
    /// The oldest ones after a number, in order.
    After(Seq),
    /// The newest ones before a number, newest first.
    Before(Seq),
    /// As [`Before`](Self::Before), and only those that a history is made of
    /// ([`EventType::is_history`](crate::conversation::event::EventType::is_history)).
    HistoryBefore(Seq),
}
