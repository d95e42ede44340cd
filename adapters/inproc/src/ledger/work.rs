//! The queues of turns and tool calls.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::{OwnerId, SessionId, TenantId};
use soma_core::observe::{self, SetAside};
use soma_core::outbox::wire::Subject;
use soma_core::ports::work::{
    CancelledTurn, Claim, ClaimRequest, Claimed, Heartbeat, Holding, Release,
};
use soma_core::ports::{PortResult, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallState;
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{Arrival, BatchOutcome, WorkBatch};
use soma_core::work::session::TurnState;
use soma_core::work::suspicion::Suspicion;

use super::InprocLedger;
use super::conversation::{ClaimSlot, Conversation, Turn};
use super::state::State;

impl Conversation {
    /// The age of its work of `kind`, if there is something to do.
    fn work(&self, kind: WorkKind) -> Option<u64> {
        match kind {
            WorkKind::Turns => {
                self.head().filter(|turn| self.is_runnable(turn)).map(|turn| turn.age)
            }
            WorkKind::Calls => {
                let arrived = |state| matches!(state, CallState::Ready | CallState::Claimed);
                self.calls.iter().find(|call| arrived(call.record.state)).map(|call| call.age)
            }
        }
    }

    fn is_runnable(&self, turn: &Turn) -> bool {
        let delivered = |state| state == CallState::Delivered;
        match turn.record.state {
            TurnState::Ready => true,
            TurnState::Waiting => {
                let mut calls = self.calls_of(turn.record.turn_id);
                turn.record.cancel_requested || calls.all(|call| delivered(call.record.state))
            }
            TurnState::Accepted | TurnState::Done => false,
        }
    }

    fn is_claimed(&self, kind: WorkKind) -> bool {
        self.claims.get(&kind).is_some_and(|slot| slot.owner.is_some())
    }

    fn is_delayed(&self, kind: WorkKind, now: Timestamp) -> bool {
        self.claims.get(&kind).is_some_and(|slot| now < slot.not_before)
    }

    fn claim(&mut self, kind: WorkKind, owner: OwnerId) -> Claim {
        let slot = self.claims.entry(kind).or_default();
        slot.owner = Some(owner);
        slot.epoch += 1;
        let (epoch, tries) = (slot.epoch, slot.suspicion.tries);
        let turn_id = match kind {
            WorkKind::Turns => self.head().map(|turn| turn.record.turn_id),
            WorkKind::Calls => None,
        };
        let open = self.calls.iter().filter(|call| kind == WorkKind::Calls && call.is_open());
        Claim {
            tenant: self.session.tenant.clone(),
            session_id: self.session.session_id,
            kind,
            owner,
            epoch,
            turn_id,
            tries,
            session: self.session.clone(),
            turn: turn_id.and_then(|turn| self.turn_record(turn)),
            calls: open.map(|call| call.record.clone()).collect(),
        }
    }

    /// The slot of a claim, if it was neither taken over nor released.
    fn held(&mut self, claim: &Claim) -> Option<&mut ClaimSlot> {
        let slot = self.claims.get_mut(&claim.kind);
        slot.filter(|slot| slot.is_held_by(claim.owner, claim.epoch))
    }
}

impl State {
    /// The session to be served next: of the tenant that holds the fewest claims, the oldest work that
    /// the owner may take up. And whether there would be more, if something were released.
    fn next_session(&self, request: &ClaimRequest, now: Timestamp) -> (Option<SessionId>, bool) {
        let kind = request.kind;
        let mut held = BTreeMap::<&TenantId, usize>::new();
        for conversation in self.conversations.values() {
            let claimed = conversation.is_claimed(kind);
            *held.entry(&conversation.session.tenant).or_default() += usize::from(claimed);
        }
        let least = self.suspect_limit(kind, request.owner, now).least_max_suspects();
        let waiting = self.unclaimed(kind).filter(|(found, _)| !found.is_delayed(kind, now));
        let (may, must_wait): (Vec<_>, Vec<_>) = waiting
            .map(|(found, age)| (held[&found.session.tenant], age, found))
            .partition(|(held, _, found)| {
                *held < request.tenant_cap && found.suspicion(kind).max_suspects >= least
            });
        let next = may.iter().min_by_key(|(held, age, _)| (*held, *age));
        (next.map(|(_, _, found)| found.session.session_id), !must_wait.is_empty())
    }

    fn claim(&mut self, request: &ClaimRequest, now: Timestamp) -> Claimed {
        let mut claims = Vec::new();
        let more = loop {
            let (next, more) = self.next_session(request, now);
            let next = next.filter(|_| claims.len() < request.most);
            match next.and_then(|session| self.conversations.get_mut(&session)) {
                Some(session) => claims.push(session.claim(request.kind, request.owner)),
                None => break more,
            }
        };
        Claimed { claims, more }
    }

    /// Sessions with work that nobody has claimed, and the age of that work.
    fn unclaimed(&self, kind: WorkKind) -> impl Iterator<Item = (&Conversation, u64)> {
        let free = self.conversations.values().filter(move |found| !found.is_claimed(kind));
        free.filter_map(move |found| found.work(kind).map(|age| (found, age)))
    }

    fn arrive(&mut self, arrival: Arrival) {
        let erased = self.erased.get(&arrival.session_id) == Some(&arrival.tenant);
        if !self.ingest(&arrival) && !erased {
            observe::dead_letter(&arrival.otherwise, SetAside::UnknownSubject);
            self.outbox.set_aside(arrival.otherwise);
        }
    }

    /// Makes the subject ready. Returns whether there is one; again changes nothing.
    fn ingest(&mut self, arrival: &Arrival) -> bool {
        let found = self.conversations.get_mut(&arrival.session_id);
        let Some(found) = found.filter(|found| found.session.tenant == arrival.tenant) else {
            return false;
        };
        let (call, from, to) = match arrival.subject {
            Subject::Turn(turn) => return found.recover_turn(turn),
            Subject::ToolRequest(call) => (call, CallState::Requested, CallState::Ready),
            Subject::ToolResult(call) => (call, CallState::Done, CallState::Delivered),
        };
        let Some(call) = found.call_mut(call) else { return false };
        if call.record.state == from {
            call.record.state = to;
        }
        true
    }
}

#[async_trait]
impl Work for InprocLedger {
    async fn ingest(&self, batch: WorkBatch) -> PortResult<BatchOutcome> {
        let mut state = self.state();
        let outcome = state.leases.advance(&batch);
        if outcome == BatchOutcome::Applied {
            for arrival in batch.items {
                state.arrive(arrival);
            }
            for letter in batch.dead {
                state.outbox.set_aside(letter);
            }
        }
        Ok(outcome)
    }

    async fn recover_overdue(
        &self,
        kind: WorkKind,
        age: Duration,
        limit: usize,
    ) -> PortResult<usize> {
        Ok(self.state().recover_overdue(kind, self.clock.now() - age, limit))
    }

    async fn claim(&self, request: ClaimRequest) -> PortResult<Claimed> {
        let now = self.clock.now();
        let mut state = self.state();
        state.free_unknown(&request);
        state.keep_alive(&request, now, false);
        state.judge_dead(request.kind, now);
        let claimed = state.claim(&request, now);
        state.keep_alive(&request, now, !claimed.claims.is_empty());
        Ok(claimed)
    }

    async fn heartbeat(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        holding: &[Holding],
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        let until = self.clock.now() + ttl;
        let mut state = self.state();
        if let Some(alive) = state.owners.entry(kind).or_default().until.get_mut(&owner) {
            *alive = until;
        }
        let mut told = Heartbeat::default();
        for named in holding {
            let found = state.conversations.get(&named.session_id);
            let is_held = |found: &&Conversation| {
                found.claims.get(&kind).is_some_and(|slot| slot.is_held_by(owner, named.epoch))
            };
            let Some(found) = found.filter(is_held) else {
                told.lost.push(*named);
                continue;
            };
            let turns = found.cancelled(kind).into_iter();
            told.cancelled.extend(turns.map(|turn_id| CancelledTurn { holding: *named, turn_id }));
        }
        Ok(told)
    }

    async fn release(&self, claim: &Claim, how: Release, delay: Duration) -> PortResult<()> {
        let not_before = self.clock.now() + delay;
        let mut state = self.state();
        let Some(session) = state.conversations.get_mut(&claim.session_id) else { return Ok(()) };
        let Some(slot) = session.held(claim) else { return Ok(()) };
        slot.owner = None;
        slot.not_before = not_before;
        slot.suspicion = match how {
            Release::Orderly => Suspicion::default(),
            Release::Failed => slot.suspicion.failed(),
        };
        Ok(())
    }

    async fn leave(&self, kind: WorkKind, owner: OwnerId) -> PortResult<()> {
        let mut state = self.state();
        state.slots_of(kind, owner).for_each(|(_, slot)| slot.owner = None);
        state.owners.entry(kind).or_default().until.remove(&owner);
        Ok(())
    }

    async fn backlog(&self, kind: WorkKind) -> PortResult<Backlog> {
        let state = self.state();
        let mut backlog = Backlog::default();
        for found in state.conversations.values() {
            let open = match kind {
                WorkKind::Turns => found.unfinished(),
                WorkKind::Calls => found.calls.iter().filter(|call| call.is_open()).count() as u64,
            };
            backlog.unfinished += open;
            let waiting = open.saturating_sub(u64::from(found.is_claimed(kind)));
            if waiting > 0 {
                *backlog.waiting.entry(found.session.tenant.clone()).or_default() += waiting;
            }
        }
        backlog.accepted = match kind {
            WorkKind::Turns => state.session_of_turn.len() as u64,
            WorkKind::Calls => state.session_of_call.len() as u64,
        };
        Ok(backlog)
    }

    async fn depth(&self, kind: WorkKind) -> PortResult<usize> {
        let now = self.clock.now();
        let state = self.state();
        let owners = state.owners.get(&kind);
        let alive = |owner| owners.is_some_and(|owners| owners.is_alive(owner, now));
        let served = |found: &Conversation| {
            found.claims.get(&kind).and_then(|slot| slot.owner).is_some_and(alive)
        };
        let waiting = state.conversations.values().filter(|found| found.work(kind).is_some());
        Ok(waiting.filter(|found| !served(found)).count())
    }
}
