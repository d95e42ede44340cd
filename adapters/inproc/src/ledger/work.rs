//! The queues of turns and tool calls.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::{OwnerId, SessionId, TenantId};
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::ports::{PortResult, Work};
use soma_core::time::Timestamp;
use soma_core::tool::CallState;
use soma_core::work::commit::WorkKind;
use soma_core::work::ingest::{Arrival, BatchOutcome, Subject, WorkBatch};
use soma_core::work::session::TurnState;

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

    fn is_claimed(&self, kind: WorkKind, now: Timestamp) -> bool {
        self.claims.get(&kind).is_some_and(|slot| slot.is_live(now))
    }

    fn is_delayed(&self, kind: WorkKind, now: Timestamp) -> bool {
        self.claims.get(&kind).is_some_and(|slot| now < slot.not_before)
    }

    fn claim(&mut self, kind: WorkKind, owner: OwnerId, ends_at: Timestamp) -> Claim {
        let slot = self.claims.entry(kind).or_default();
        slot.owner = Some(owner);
        slot.epoch += 1;
        slot.ends_at = ends_at;
        let epoch = slot.epoch;
        let turn = match kind {
            WorkKind::Turns => self.head_mut(),
            WorkKind::Calls => None,
        };
        let (turn_id, tries) = turn.map_or((None, 1), |turn| {
            turn.tries += 1;
            (Some(turn.record.turn_id), turn.tries)
        });
        let (tenant, session_id) = (self.session.tenant.clone(), self.session.session_id);
        Claim { tenant, session_id, kind, owner, epoch, turn_id, tries }
    }

    /// The slot of a claim, if it was neither taken over nor released.
    fn held(&mut self, claim: &Claim) -> Option<&mut ClaimSlot> {
        let slot = self.claims.get_mut(&claim.kind);
        slot.filter(|slot| slot.owner == Some(claim.owner) && slot.epoch == claim.epoch)
    }
}

impl State {
    /// The session to be served next: of the tenant that holds the fewest claims, the oldest work.
    fn next_session(&self, kind: WorkKind, now: Timestamp, tenant_cap: usize) -> Option<SessionId> {
        let mut held = BTreeMap::<&TenantId, usize>::new();
        for conversation in self.conversations.values() {
            let claimed = conversation.is_claimed(kind, now);
            *held.entry(&conversation.session.tenant).or_default() += usize::from(claimed);
        }
        let free = self.unclaimed(kind, now).filter(|(found, _)| !found.is_delayed(kind, now));
        let served = free.map(|(found, age)| (held[&found.session.tenant], age, found));
        let next =
            served.filter(|(held, ..)| *held < tenant_cap).min_by_key(|next| (next.0, next.1));
        next.map(|(_, _, found)| found.session.session_id)
    }

    /// Sessions with work that nobody has claimed, and the age of that work.
    fn unclaimed(
        &self,
        kind: WorkKind,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Conversation, u64)> {
        let free = self.conversations.values().filter(move |found| !found.is_claimed(kind, now));
        free.filter_map(move |found| found.work(kind).map(|age| (found, age)))
    }

    fn arrive(&mut self, arrival: Arrival) {
        let erased = self.erased.get(&arrival.session_id) == Some(&arrival.tenant);
        if !self.ingest(&arrival) && !erased {
            self.outbox.set_aside(arrival.otherwise);
        }
    }

    /// Makes the subject ready. Answers whether there is one; again changes nothing.
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
        before: Timestamp,
        limit: usize,
    ) -> PortResult<usize> {
        Ok(self.state().recover_overdue(kind, before, limit))
    }

    async fn claim(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
        ttl: Duration,
        tenant_cap: usize,
    ) -> PortResult<Option<Claim>> {
        let mut state = self.state();
        let next = state.next_session(kind, now, tenant_cap);
        let session = next.and_then(|session| state.conversations.get_mut(&session));
        Ok(session.map(|session| session.claim(kind, owner, now + ttl)))
    }

    async fn heartbeat(
        &self,
        claim: &Claim,
        now: Timestamp,
        ttl: Duration,
    ) -> PortResult<Heartbeat> {
        let mut state = self.state();
        let Some(session) = state.conversations.get_mut(&claim.session_id) else {
            return Ok(Heartbeat::Lost);
        };
        let Some(slot) = session.held(claim) else { return Ok(Heartbeat::Lost) };
        slot.ends_at = now + ttl;
        let turn = claim.turn_id.and_then(|turn| session.turn(turn));
        let cancelled = turn.is_some_and(|turn| turn.record.cancel_requested);
        Ok(if cancelled { Heartbeat::CancelRequested } else { Heartbeat::Held })
    }

    async fn release(
        &self,
        claim: &Claim,
        how: Release,
        now: Timestamp,
        delay: Duration,
    ) -> PortResult<()> {
        let mut state = self.state();
        let Some(session) = state.conversations.get_mut(&claim.session_id) else { return Ok(()) };
        let Some(slot) = session.held(claim) else { return Ok(()) };
        slot.owner = None;
        slot.not_before = now + delay;
        if how == Release::Orderly
            && let Some(turn) = claim.turn_id.and_then(|turn| session.turn_mut(turn))
        {
            turn.tries = 0;
        }
        Ok(())
    }

    async fn depth(&self, kind: WorkKind, now: Timestamp) -> PortResult<usize> {
        Ok(self.state().unclaimed(kind, now).count())
    }
}
