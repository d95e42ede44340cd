//! One session with its events, turns, calls and claims.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::conversation::chain::Chain;
use soma_core::conversation::event::{Event, NewEvent};
use soma_core::ids::{CallId, OwnerId, TurnId};
use soma_core::time::Timestamp;
use soma_core::tool::{CallChange, CallRecord, CallState, ToolOutcome};
use soma_core::trace::TraceContext;
use soma_core::work::commit::{AcceptTurn, Cancel, Commit, Fence, TurnProgress, WorkKind};
use soma_core::work::session::{EventRange, Session, TurnRecord, TurnState};
use soma_core::work::suspicion::Suspicion;

/// A turn, as it is queued. The calls of `record` are kept with the session.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) record: TurnRecord,
    /// Older work is served first.
    pub(super) age: u64,
    /// When it was committed.
    pub(super) accepted_at: Timestamp,
}

/// A call, as it is queued.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) record: CallRecord,
    /// Older work is served first.
    pub(super) age: u64,
    /// When its request, or then its outcome, was committed.
    pub(super) moved_at: Timestamp,
}

/// The last claim of a session's work of one kind.
#[derive(Debug, Default)]
pub(super) struct ClaimSlot {
    /// Who holds it; none once it was released.
    pub(super) owner: Option<OwnerId>,
    pub(super) epoch: u64,
    /// What is held against the work.
    pub(super) suspicion: Suspicion,
    /// When it may be claimed again after it was released.
    pub(super) not_before: Timestamp,
}

impl ClaimSlot {
    /// Whether this owner has it, under this epoch.
    pub(super) fn is_held_by(&self, owner: OwnerId, epoch: u64) -> bool {
        self.owner == Some(owner) && self.epoch == epoch
    }
}

/// One session.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) session: Session,
    /// Dense: the event with `seq` n is the n-th.
    pub(super) events: Vec<Event>,
    /// In the order they were accepted.
    pub(super) turns: Vec<Turn>,
    /// In the order they were asked for.
    pub(super) calls: Vec<Call>,
    pub(super) claims: BTreeMap<WorkKind, ClaimSlot>,
}

impl Conversation {
    /// The session that `commit` opens.
    pub(super) fn open(commit: &Commit) -> Self {
        let session = Session {
            tenant: commit.tenant.clone(),
            session_id: commit.session_id,
            persona_id: commit.open.as_ref().and_then(|open| open.persona_id.clone()),
            created_at: commit.at,
            updated_at: commit.at,
            chain: Chain::new(commit.session_id),
            turns_accepted: 0,
            turns_done: 0,
        };
        Self {
            session,
            events: Vec::new(),
            turns: Vec::new(),
            calls: Vec::new(),
            claims: BTreeMap::new(),
        }
    }

    /// Whether `fence` names the holder of the work.
    pub(super) fn admits(&self, fence: Fence) -> bool {
        match fence {
            Fence::Open => true,
            Fence::Work { kind, epoch } => self
                .claims
                .get(&kind)
                .is_some_and(|slot| slot.owner.is_some() && slot.epoch == epoch),
        }
    }

    /// Whether the claim that `commit` releases is free already, and was not claimed again: if the
    /// commit was done, it was this one that freed it.
    pub(super) fn is_free_since(&self, commit: &Commit) -> bool {
        let Fence::Work { kind, epoch } = commit.fence else { return false };
        let slot = self.claims.get(&kind);
        commit.release && slot.is_some_and(|slot| slot.owner.is_none() && slot.epoch == epoch)
    }

    /// Notes what `commit` proves of the session's work, and releases its claim if it says so.
    pub(super) fn settle_claims(&mut self, commit: &Commit) {
        for (kind, slot) in &mut self.claims {
            if commit.is_proof(*kind) {
                slot.suspicion = Suspicion::default();
            }
            if commit.releases(*kind) {
                slot.owner = None;
            }
        }
    }

    /// The events of `commit` that are recorded, if it was applied before.
    pub(super) fn done_already(&self, commit: &Commit) -> Option<Vec<Event>> {
        let recorded = commit.events.iter().filter_map(|new| self.event(new)).cloned();
        let recorded = recorded.collect::<Vec<_>>();
        let progressed = commit.turn.as_ref().is_some_and(|progress| {
            self.turn(progress.turn_id).is_some_and(|turn| turn.steps() > progress.from_step)
        });
        (progressed || !recorded.is_empty()).then_some(recorded)
    }

    fn event(&self, new: &NewEvent) -> Option<&Event> {
        self.events.iter().find(|event| event.event_id == new.event_id)
    }

    pub(super) fn turn(&self, turn: TurnId) -> Option<&Turn> {
        self.turns.iter().find(|known| known.record.turn_id == turn)
    }

    /// How many turns are not done.
    pub(super) const fn unfinished(&self) -> u64 {
        self.session.turns_accepted - self.session.turns_done
    }

    /// The oldest unfinished turn: the only one that may run.
    pub(super) fn head(&self) -> Option<&Turn> {
        self.turns.iter().find(|turn| turn.is_unfinished())
    }

    /// A turn with its calls.
    pub(super) fn turn_record(&self, turn: TurnId) -> Option<TurnRecord> {
        let record = self.turn(turn)?.record.clone();
        let calls = self.calls_of(turn).map(|call| call.record.clone()).collect();
        Some(TurnRecord { calls, ..record })
    }

    pub(super) fn calls_of(&self, turn: TurnId) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.record.turn_id == Some(turn))
    }

    pub(super) fn turn_mut(&mut self, turn: TurnId) -> Option<&mut Turn> {
        self.turns.iter_mut().find(|known| known.record.turn_id == turn)
    }

    pub(super) fn call(&self, call: CallId) -> Option<&Call> {
        self.calls.iter().find(|known| known.record.call.call_id == call)
    }

    pub(super) fn call_mut(&mut self, call: CallId) -> Option<&mut Call> {
        self.calls.iter_mut().find(|known| known.record.call.call_id == call)
    }

    /// Makes an accepted turn ready. Returns whether there is such a turn.
    pub(super) fn recover_turn(&mut self, turn: TurnId) -> bool {
        let Some(turn) = self.turn_mut(turn) else { return false };
        if turn.record.state == TurnState::Accepted {
            turn.record.state = TurnState::Ready;
        }
        true
    }

    /// At most `limit` events of `range`.
    pub(super) fn events_in(&self, range: EventRange, limit: usize) -> Vec<Event> {
        let cloned =
            |events: &mut dyn Iterator<Item = &Event>| events.take(limit).cloned().collect();
        match range {
            EventRange::After(seq) => {
                cloned(&mut self.events.iter().filter(|event| event.seq > seq))
            }
            EventRange::Before(seq) => {
                cloned(&mut self.events.iter().rev().filter(|event| event.seq < seq))
            }
            EventRange::HistoryBefore(seq) => {
                let history = |event: &&Event| event.seq < seq && event.kind.is_history();
                cloned(&mut self.events.iter().rev().filter(history))
            }
        }
    }

    /// Of the turn that is to run, or the turns with open calls, those that were cancelled.
    pub(super) fn cancelled(&self, kind: WorkKind) -> BTreeSet<TurnId> {
        let cancelled = |turn: &Turn| turn.record.cancel_requested.then_some(turn.record.turn_id);
        match kind {
            WorkKind::Turns => self.head().and_then(cancelled).into_iter().collect(),
            WorkKind::Calls => {
                let open = self.calls.iter().filter(|call| call.is_open());
                let turns = open.filter_map(|call| call.record.turn_id);
                turns.filter_map(|turn| self.turn(turn).and_then(cancelled)).collect()
            }
        }
    }

    /// Marks unfinished turns as cancelled.
    pub(super) fn cancel(&mut self, cancel: Cancel) {
        let unfinished = self.turns.iter_mut().filter(|turn| turn.is_unfinished());
        let which = match cancel {
            Cancel::Running => 1,
            Cancel::All => usize::MAX,
        };
        unfinished.take(which).for_each(|turn| turn.record.cancel_requested = true);
    }

    /// Adds a turn with the next number.
    pub(super) fn accept(&mut self, accept: AcceptTurn, age: u64, at: Timestamp) {
        self.session.turns_accepted += 1;
        let record = TurnRecord {
            tenant: self.session.tenant.clone(),
            session_id: self.session.session_id,
            turn_id: accept.turn_id,
            number: self.session.turns_accepted,
            state: TurnState::Accepted,
            cancel_requested: false,
            steps: 1,
            inputs: vec![accept.input],
            unreadable: None,
            calls: Vec::new(),
        };
        self.turns.push(Turn { record, age, accepted_at: at });
    }

    /// Adds to a turn's record.
    pub(super) fn progress(&mut self, progress: TurnProgress) {
        let Some(turn) = self.turn_mut(progress.turn_id) else { return };
        let ends = progress.state == TurnState::Done;
        turn.record.steps += u32::try_from(progress.inputs.len()).unwrap_or(u32::MAX);
        turn.record.inputs.extend(progress.inputs);
        turn.record.state = progress.state;
        self.session.turns_done += u64::from(ends);
    }

    /// Numbers and chains events.
    pub(super) fn record(&mut self, events: Vec<NewEvent>, at: Timestamp) -> Vec<Event> {
        if !events.is_empty() {
            self.session.updated_at = self.session.updated_at.max(at);
        }
        let Session { chain, session_id, .. } = &mut self.session;
        let numbered = events.into_iter().map(|new| chain.append(*session_id, new));
        let numbered = numbered.collect::<Vec<_>>();
        self.events.extend(numbered.iter().cloned());
        numbered
    }

    /// Changes the ledger of calls.
    pub(super) fn change_call(
        &mut self,
        change: CallChange,
        trace: Option<&TraceContext>,
        age: u64,
        at: Timestamp,
    ) {
        match change {
            CallChange::Request { turn_id, call } => {
                let record = CallRecord {
                    tenant: self.session.tenant.clone(),
                    session_id: self.session.session_id,
                    turn_id,
                    call,
                    state: CallState::Requested,
                    tries: 0,
                    outcome: None,
                    trace: trace.cloned(),
                    unreadable: None,
                };
                self.request_call(Call { record, age, moved_at: at });
            }
            CallChange::Claim { call_id } => {
                if let Some(call) = self.open_call_mut(call_id) {
                    call.record.state = CallState::Claimed;
                    call.record.tries += 1;
                }
            }
            CallChange::Finish { outcome } => self.finish_call(outcome, at),
        }
    }

    fn request_call(&mut self, call: Call) {
        if self.call(call.record.call.call_id).is_none() {
            self.calls.push(call);
        }
    }

    fn finish_call(&mut self, outcome: ToolOutcome, at: Timestamp) {
        if let Some(call) = self.open_call_mut(outcome.call_id) {
            call.record.state = CallState::Done;
            call.moved_at = at;
            call.record.outcome = Some(outcome);
        }
    }

    /// The call, unless it is done: states only go forward.
    fn open_call_mut(&mut self, call: CallId) -> Option<&mut Call> {
        self.call_mut(call).filter(|call| call.is_open())
    }
}

impl Turn {
    pub(super) fn is_unfinished(&self) -> bool {
        self.record.state != TurnState::Done
    }

    /// How many inputs its record has.
    pub(super) const fn steps(&self) -> u32 {
        self.record.steps
    }
}

impl Call {
    pub(super) fn is_open(&self) -> bool {
        self.record.state < CallState::Done
    }
}
