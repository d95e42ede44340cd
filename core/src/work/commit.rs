//! The commit: one unit of work, as a value.

use serde::{Deserialize, Serialize};

use super::session::TurnState;
use crate::budget::UsageChange;
use crate::conversation::chain::Chain;
use crate::conversation::event::{Event, NewEvent, Seq};
use crate::digest::Digest32;
use crate::ids::{EventId, PersonaId, SessionId, TenantId, TurnId};
use crate::memory::MemoryWrite;
use crate::names::names;
use crate::outbox::dead::DeadLetter;
use crate::outbox::message::OutboxMessage;
use crate::policy::Decision;
use crate::time::Timestamp;
use crate::tool::CallChange;
use crate::trace::TraceContext;
use crate::turn::input::RecordedInput;

/// Everything that must become durable together, for one session.
///
/// A store applies all of it or nothing. It checks, in this order: the fence; whether it was done
/// already; whether the session still is what the commit expects; and only then applies it. Every
/// event it numbers is also published on `conversation.outbound`, and every dead letter on its
/// topic, through the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Whose.
    pub tenant: TenantId,
    /// The session all of it belongs to.
    pub session_id: SessionId,
    /// When it is made.
    pub at: Timestamp,
    /// Who may make it.
    pub fence: Fence,
    /// The trace that it belongs to, and with it what it publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// A client's request that it answers: a repetition gets the first answer.
    pub request: Option<ClientRequest>,
    /// Opens the session if there is none; without it, a missing session is [`CommitOutcome::NoSession`].
    pub open: Option<OpenSession>,
    /// How the session's chain stood when its claim, or the commit before this one, was answered. A
    /// store may begin from there and save a read; that the session has moved on hinders nothing.
    pub chain: Option<Chain>,
    /// The session must still have so many events, if named.
    pub expected: Option<Seq>,
    /// The session must have no unfinished turn.
    pub only_if_idle: bool,
    /// The session must have fewer unfinished turns, if named.
    pub most_unfinished: Option<u64>,
    /// This turn must not be done: nothing follows a terminal event.
    pub live_turn: Option<TurnId>,
    /// Marks unfinished turns as cancelled.
    pub cancel: Option<Cancel>,
    /// A new turn.
    pub accept: Option<AcceptTurn>,
    /// Progress of a turn.
    pub turn: Option<TurnProgress>,
    /// Events to number and chain, in order.
    pub events: Vec<NewEvent>,
    /// Changes of the tool-call ledger.
    pub calls: Vec<CallChange>,
    /// Changes of the usage ledger.
    pub usage: Vec<UsageChange>,
    /// What is to be remembered; a key that is queued already is overwritten.
    pub memory: Vec<MemoryWrite>,
    /// Decisions of the policy engine.
    pub decisions: Vec<Decision>,
    /// Messages beside the published events.
    pub outbox: Vec<OutboxMessage>,
    /// What is set aside.
    pub dead: Vec<DeadLetter>,
    /// Releases, in good order, the claim that the fence names: its work is done, for now.
    pub release: bool,
}

impl Commit {
    /// Whether it gives up a claim of this kind.
    pub fn releases(&self, kind: WorkKind) -> bool {
        self.release && matches!(self.fence, Fence::Work { kind: held, .. } if held == kind)
    }

    /// Whether it shows that the session's work of this kind does not kill its workers: then nothing
    /// is held against it any more.
    pub fn is_proof(&self, kind: WorkKind) -> bool {
        let ends = |change: &CallChange| matches!(change, CallChange::Finish { .. });
        let proof = match kind {
            WorkKind::Turns => self.turn.as_ref().is_some_and(TurnProgress::is_proof),
            WorkKind::Calls => self.calls.iter().any(ends),
        };
        proof || self.releases(kind)
    }

    /// A commit that does nothing yet.
    pub const fn new(tenant: TenantId, session_id: SessionId, fence: Fence, at: Timestamp) -> Self {
        Self {
            tenant,
            session_id,
            at,
            fence,
            trace: None,
            request: None,
            open: None,
            chain: None,
            expected: None,
            only_if_idle: false,
            most_unfinished: None,
            live_turn: None,
            cancel: None,
            accept: None,
            turn: None,
            events: Vec::new(),
            calls: Vec::new(),
            usage: Vec::new(),
            memory: Vec::new(),
            decisions: Vec::new(),
            outbox: Vec::new(),
            dead: Vec::new(),
            release: false,
        }
    }
}

/// Who may make a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fence {
    /// Anyone: a gateway on behalf of a client.
    Open,
    /// The holder of the session's work lease of this kind, at this epoch.
    Work {
        /// Turns or tool calls.
        kind: WorkKind,
        /// The epoch that the claim was given.
        epoch: u64,
    },
}

/// Which queue of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Turns, for the conversation worker.
    Turns,
    /// Tool calls, for the executor.
    Calls,
}

names!(WorkKind, "kind of work", { Turns = "turns", Calls = "calls", });

/// A client's request with an `Idempotency-Key`, scoped to its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRequest {
    /// The key, 1 to 255 characters.
    pub key: String,
    /// The digest of what was asked: the same key with another digest is a client's mistake.
    pub digest: Digest32,
    /// The answer.
    pub answer: Receipt,
}

/// What a client is told when its message is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The conversation.
    pub session_id: SessionId,
    /// The `user.message`, or the request of a tool.
    pub event_id: EventId,
    /// The turn that answers it.
    pub turn_id: TurnId,
}

/// A session to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// The persona it is opened with.
    pub persona_id: Option<PersonaId>,
}

/// Which unfinished turns are cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cancel {
    /// The oldest one: the one that runs.
    Running,
    /// All of them.
    All,
}

/// A turn that is accepted: the store gives it the next number of its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptTurn {
    /// Which.
    pub turn_id: TurnId,
    /// The first input of its record.
    pub input: RecordedInput,
}

/// Progress of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnProgress {
    /// Which.
    pub turn_id: TurnId,
    /// How many inputs its record must have: more means that this was done already.
    pub from_step: u32,
    /// What is added to its record.
    pub inputs: Vec<RecordedInput>,
    /// Where it is now.
    pub state: TurnState,
}

impl TurnProgress {
    /// Whether it shows that the turn does not kill its workers: then its tries are forgotten.
    pub fn is_proof(&self) -> bool {
        self.state == TurnState::Done || self.inputs.iter().any(|taken| taken.input.is_progress())
    }
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq)]
pub enum CommitOutcome {
    /// It was applied, and these are its events.
    Committed(Vec<Event>),
    /// It had been applied before, and these are its events.
    AlreadyDone(Vec<Event>),
    /// The client's request had been answered before, with this.
    Answered(Receipt),
    /// The client used the key for another request.
    KeyReused,
    /// The session has moved on from what the commit expected, is not idle, or has too many unfinished
    /// turns.
    Conflict,
    /// The turn that must be live is done.
    TurnDone,
    /// The lease is someone else's.
    Fenced,
    /// There is no such session of this tenant, or it was deleted.
    NoSession,
    /// The ledger has no room for what was granted.
    OverBudget,
}
