//! Sessions, their turns, their claims and their tool calls, as the auditor knows them.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::conversation::chain::Chain;
use soma_core::conversation::model::ModelFailure;
use soma_core::digest::Digest32;
use soma_core::ids::{CallId, EventId, OwnerId, SessionId, TenantId, TurnId};
use soma_core::time::Timestamp;
use soma_core::tool::ToolOutcome;
use soma_core::work::commit::WorkKind;
use soma_simulated::mix;

use super::Repeatable;
use super::invariant::{Invariant, Wrong};

/// How often a tool that may be repeated is run.
const MOST_RUNS: u32 = 3;

/// A turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) id: TurnId,
    pub(super) ended: bool,
    /// Whether its terminal event is recorded.
    pub(super) is_over: bool,
    pub(super) leave: Leave,
    pub(super) cancelled: Cancelled,
    pub(super) model_calls: u32,
    /// How often it was claimed since it was last shown that it kills no workers.
    pub(super) claims: u32,
    /// How often it failed, or its worker died, since then.
    pub(super) failures: u32,
    /// Whether its record was taken in: it may be claimed.
    pub(super) arrived: bool,
    /// How often it was claimed at all.
    pub(super) taken: u32,
    /// How often that was when tokens were set aside for it last.
    pub(super) taken_at_reservation: u32,
    /// How often it had, as whoever claimed it last was told.
    pub(super) tries: u32,
    pub(super) said: Said,
    pub(super) asks: Asks,
    /// How the model that is asked failed since it last asked for tools.
    pub(super) model_failures: Vec<ModelFailure>,
    pub(super) found: Found,
}

/// What the person's message is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) bytes: usize,
    /// Whether it says that it is to be denied.
    pub(super) denied: bool,
    /// Whether it says that it is for the stronger model.
    pub(super) escalated: bool,
}

/// Which model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// The one that the message is for.
    First,
    /// The one for when that does not answer.
    Fallback,
}

/// What a message finds in its session when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A turn that runs or is going to.
    Wanted,
    /// One that somebody cancelled, at the latest by this message.
    Cancelled,
}

impl Turn {
    pub(super) const fn new(id: TurnId, found: Found) -> Self {
        Self {
            id,
            ended: false,
            is_over: false,
            leave: Leave { answer: false, memory: false },
            cancelled: Cancelled::No,
            model_calls: 0,
            claims: 0,
            failures: 0,
            arrived: false,
            taken: 0,
            taken_at_reservation: 0,
            tries: 0,
            said: Said { bytes: 0, denied: false, escalated: false },
            asks: Asks::First,
            model_failures: Vec::new(),
            found,
        }
    }
}

/// Whether a person cancelled a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// Nobody did.
    No,
    /// Somebody did, and whoever works on it may not know.
    Asked,
    /// Whoever works on it took it up after that.
    Known,
}

/// Which decisions are recorded that allow something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leave {
    /// To answer.
    pub(super) answer: bool,
    /// To remember what was said.
    pub(super) memory: bool,
}

/// The last claim of a kind.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) epoch: u64,
    /// Who holds it; none once it was released.
    pub(super) owner: Option<OwnerId>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) tenant: TenantId,
    pub(super) chain: Chain,
    pub(super) events: BTreeSet<EventId>,
    /// The hash of each event.
    pub(super) hashes: Vec<Digest32>,
    /// In the order they were accepted.
    pub(super) turns: Vec<Turn>,
    pub(super) slots: [Slot; 2],
    pub(super) erased: bool,
}

/// A tool call.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) claims: u32,
    pub(super) runs: u32,
    pub(super) allowed: bool,
    /// The turn that waits for it, if one does.
    pub(super) turn: Option<TurnId>,
    pub(super) tool: String,
    /// What the tool answered, time after time.
    pub(super) answers: Vec<ToolOutcome>,
    /// What was recorded first.
    pub(super) outcome: Option<ToolOutcome>,
}

/// Every session.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    pub(super) by_id: BTreeMap<SessionId, Session>,
    /// Until when those who claim each kind of work count as alive.
    pub(super) owners: [BTreeMap<OwnerId, Timestamp>; 2],
    pub(super) of_turn: BTreeMap<TurnId, SessionId>,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) accepted: u64,
    pub(super) ended: u64,
    /// Turns that were unfinished when their session was erased.
    pub(super) erased_pending: u64,
}

pub(super) const fn slot_of(kind: WorkKind) -> usize {
    match kind {
        WorkKind::Turns => 0,
        WorkKind::Calls => 1,
    }
}

impl Sessions {
    pub(super) fn turn_mut(&mut self, turn: TurnId) -> Option<&mut Turn> {
        let session = self.by_id.get_mut(self.of_turn.get(&turn)?)?;
        session.turn_mut(turn)
    }

    pub(super) fn turn(&self, turn: TurnId) -> Option<&Turn> {
        let session = self.by_id.get(self.of_turn.get(&turn)?)?;
        session.turns.iter().find(|known| known.id == turn)
    }

    /// How many turns have not ended, and are of no session that was erased.
    pub(super) const fn pending(&self) -> u64 {
        self.accepted - self.ended - self.erased_pending
    }

    /// Counts a model call. Answers how many there were, this one included, and whether the turn may
    /// be answered.
    pub(super) fn model_called(&mut self, turn: TurnId) -> Option<(u32, bool)> {
        let turn = self.turn_mut(turn)?;
        turn.model_calls += 1;
        Some((turn.model_calls, turn.leave.answer))
    }

    /// Counts a run of a tool.
    pub(super) fn tool_ran(&mut self, id: CallId, repeatable: Repeatable) -> Result<(), Wrong> {
        let call = self.calls.entry(id).or_default();
        call.runs += 1;
        let Call { claims, runs, allowed, .. } = *call;
        if !allowed {
            return Err((Invariant::FailClosed, format!("{id} ran without leave")));
        }
        if runs > claims {
            let what = format!("{id} ran {runs} times, and was claimed {claims} times");
            return Err((Invariant::Fencing, what));
        }
        let most = match repeatable {
            Repeatable::Yes => MOST_RUNS,
            Repeatable::No => 1,
        };
        if runs > most {
            let what = format!("{id} ran {runs} times, of {most}");
            return Err((Invariant::NothingDuplicated, what));
        }
        Ok(())
    }

    pub(super) fn digest(&self) -> u64 {
        self.by_id.values().fold(self.accepted, |hash, session| {
            let head = session.chain.head.0;
            let head = head.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            mix(hash ^ head ^ session.chain.count.0)
        })
    }
}

impl Session {
    pub(super) fn open(id: SessionId, tenant: TenantId) -> Self {
        Self {
            tenant,
            chain: Chain::new(id),
            events: BTreeSet::new(),
            hashes: Vec::new(),
            turns: Vec::new(),
            slots: Default::default(),
            erased: false,
        }
    }

    pub(super) fn turn_mut(&mut self, turn: TurnId) -> Option<&mut Turn> {
        self.turns.iter_mut().find(|known| known.id == turn)
    }

    /// What a message finds that is accepted now.
    pub(super) fn found(&self) -> Found {
        match self.turns.iter().find(|turn| !turn.ended) {
            None => Found::Nothing,
            Some(turn) if turn.cancelled == Cancelled::No => Found::Wanted,
            Some(_) => Found::Cancelled,
        }
    }

    /// The turn that may run.
    pub(super) fn head(&self) -> Option<TurnId> {
        self.turns.iter().find(|turn| !turn.ended).map(|turn| turn.id)
    }
}
