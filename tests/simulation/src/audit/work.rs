//! What is checked when work is claimed, kept and given up.

use soma_core::ids::{OwnerId, SessionId, TenantId, TurnId};
use soma_core::ports::work::{Claim, ClaimRequest, Heartbeat, Holding, Release};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;

use super::Books;
use super::invariant::Invariant;
use super::sessions::{Cancelled, Session, slot_of};

/// Workers are killed at any time, and a turn may be claimed again and again for no fault of its own;
/// but not for ever.
const MOST_CLAIMS: u32 = 60;

impl Books {
    /// Somebody asked for work: what it does not know of is free, and so is what the dead held.
    pub(super) fn asked(&mut self, request: &ClaimRequest, now: Timestamp) {
        let kind = slot_of(request.kind);
        for (session_id, session) in &mut self.sessions.by_id {
            let slot = &mut session.slots[kind];
            let known = Holding { session_id: *session_id, epoch: slot.epoch };
            if slot.owner == Some(request.owner) && !request.holding.contains(&known) {
                slot.owner = None;
            }
        }
        let owners = &mut self.sessions.owners[kind];
        let until = owners.entry(request.owner).or_default();
        if *until < now + request.ttl * 2 / 3 {
            *until = now + request.ttl;
        }
        let dead: Vec<OwnerId> =
            owners.iter().filter(|(_, until)| **until <= now).map(|(owner, _)| *owner).collect();
        owners.retain(|_, until| now < *until);
        for session in self.sessions.by_id.values_mut() {
            let slot = &mut session.slots[kind];
            if slot.owner.take_if(|owner| dead.contains(owner)).is_some() {
                failed(session, request.kind);
            }
        }
    }

    /// Something was given to whoever asked.
    pub(super) fn gave(&mut self, request: &ClaimRequest, now: Timestamp) {
        self.sessions.owners[slot_of(request.kind)].insert(request.owner, now + request.ttl);
    }

    /// A claim was handed out.
    pub(super) fn claimed(&mut self, claim: &Claim, cap: usize) {
        let mut wrong = Vec::new();
        let Claim { session_id, kind, epoch, .. } = claim;
        let held = self.claims_of(&claim.tenant, *kind, *session_id);
        if held >= cap {
            let what = format!("{} holds {} claims of {cap}", claim.tenant, held + 1);
            wrong.push((Invariant::Fairness, what));
        }
        if let Some(passed) = self.passed_over(claim, held) {
            let what = format!("{session_id} was claimed before {passed}, whose tenant holds less");
            wrong.push((Invariant::Fairness, what));
        }
        let Some(session) = self.sessions.by_id.get_mut(session_id) else { return };
        if session.erased {
            wrong.push((Invariant::TenantIsolation, format!("{session_id} came back as work")));
        }
        let slot = &mut session.slots[slot_of(*kind)];
        if slot.owner.is_some() {
            let what =
                format!("{session_id} was claimed twice at once, as {} and {epoch}", slot.epoch);
            wrong.push((Invariant::Fencing, what));
        }
        if *epoch <= slot.epoch {
            let what = format!("{session_id} was claimed under {epoch} after {}", slot.epoch);
            wrong.push((Invariant::Fencing, what));
        }
        slot.epoch = *epoch;
        slot.owner = Some(claim.owner);
        if *kind == WorkKind::Turns {
            let oldest = session.head();
            if claim.turn_id != oldest || claim.turn.as_ref().map(|turn| turn.turn_id) != oldest {
                let what = format!("{:?} was claimed before {oldest:?}", claim.turn_id);
                wrong.push((Invariant::Order, what));
            }
            if claim.session.chain != session.chain {
                let what = format!("{session_id} was claimed with another chain than it has");
                wrong.push((Invariant::Chain, what));
            }
            if let Some(turn) = claim.turn_id.and_then(|turn| session.turn_mut(turn)) {
                turn.claims += 1;
                turn.taken += 1;
                turn.tries = claim.tries;
                if turn.cancelled == Cancelled::Asked {
                    turn.cancelled = Cancelled::Known;
                }
                if turn.claims > MOST_CLAIMS {
                    let what = format!("{} is claimed again and again", turn.id);
                    wrong.push((Invariant::Liveness, what));
                }
                if claim.tries > turn.failures {
                    let (counted, failed) = (claim.tries, turn.failures);
                    let what = format!("{} failed {failed} times, counted {counted}", turn.id);
                    wrong.push((Invariant::Liveness, what));
                }
            }
        }
        for (invariant, what) in wrong {
            self.violate(invariant, what);
        }
    }

    /// A turn may be claimed from now on.
    pub(super) fn arrived(&mut self, turn: TurnId) {
        if let Some(turn) = self.sessions.turn_mut(turn) {
            turn.arrived = true;
        }
    }

    /// A session that waits for the first time, of a tenant that holds fewer claims than the one that
    /// was just given another.
    fn passed_over(&self, claim: &Claim, held: usize) -> Option<SessionId> {
        if claim.kind != WorkKind::Turns || held == 0 {
            return None;
        }
        let waits = |session: &Session| {
            let first = session.turns.iter().find(|turn| !turn.ended);
            let fresh = first.is_some_and(|turn| turn.arrived && turn.taken == 0);
            fresh && !session.erased && session.slots[slot_of(claim.kind)].owner.is_none()
        };
        let mut others = self
            .sessions
            .by_id
            .iter()
            .filter(|(_, session)| session.tenant != claim.tenant && waits(session));
        let fewer = |(id, session): &(&SessionId, &Session)| {
            self.claims_of(&session.tenant, claim.kind, **id) < held
        };
        others.find(fewer).map(|(id, _)| *id)
    }

    fn claims_of(&self, tenant: &TenantId, kind: WorkKind, but: SessionId) -> usize {
        let sessions = self.sessions.by_id.iter();
        let held = sessions.filter(|(id, session)| {
            let claimed = session.slots[slot_of(kind)].owner.is_some();
            **id != but && session.tenant == *tenant && claimed
        });
        held.filter(|(_, session)| !session.erased).count()
    }

    /// An owner was told how its claims stand.
    pub(super) fn told(
        &mut self,
        (kind, owner): (WorkKind, OwnerId),
        holding: &[Holding],
        told: &Heartbeat,
        until: Timestamp,
    ) {
        if let Some(alive) = self.sessions.owners[slot_of(kind)].get_mut(&owner) {
            *alive = until;
        }
        for named in holding.iter().filter(|named| !told.lost.contains(named)) {
            let Some(session) = self.sessions.by_id.get(&named.session_id) else { continue };
            let slot = &session.slots[slot_of(kind)];
            if slot.owner != Some(owner) || slot.epoch != named.epoch || session.erased {
                let what = format!("{} holds epoch {} still", named.session_id, named.epoch);
                self.violate(Invariant::Fencing, what);
            }
        }
    }

    /// A claim was given up.
    pub(super) fn released(&mut self, claim: &Claim, how: Release) {
        let Some(session) = self.sessions.by_id.get_mut(&claim.session_id) else { return };
        let slot = &mut session.slots[slot_of(claim.kind)];
        if slot.epoch != claim.epoch || slot.owner != Some(claim.owner) {
            return;
        }
        slot.owner = None;
        match how {
            Release::Orderly => acquitted(session, claim.kind),
            Release::Failed => failed(session, claim.kind),
        }
    }

    /// An owner stopped.
    pub(super) fn left(&mut self, kind: WorkKind, owner: OwnerId) {
        let kind = slot_of(kind);
        self.sessions.owners[kind].remove(&owner);
        for session in self.sessions.by_id.values_mut() {
            session.slots[kind].owner.take_if(|held| *held == owner);
        }
    }
}

fn failed(session: &mut Session, kind: WorkKind) {
    let head = session.head().filter(|_| kind == WorkKind::Turns);
    if let Some(turn) = head.and_then(|head| session.turn_mut(head)) {
        turn.failures += 1;
    }
}

/// Nothing is held against the work of a session any more.
pub(super) fn acquitted(session: &mut Session, kind: WorkKind) {
    if kind == WorkKind::Turns {
        for turn in &mut session.turns {
            (turn.claims, turn.failures) = (0, 0);
        }
    }
}
