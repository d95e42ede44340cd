//! What is checked when work is claimed, kept and given up.

use std::time::Duration;

use soma_core::ids::{SessionId, TenantId};
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;

use super::Books;
use super::invariant::Invariant;
use super::sessions::{Cancelled, slot_of};

/// A turn is given up after three tries, and whoever gives it up may die of something else; but not
/// for ever.
const MOST_CLAIMS: u32 = 20;

impl Books {
    /// A claim was handed out.
    pub(super) fn claimed(&mut self, claim: &Claim, now: Timestamp, ttl: Duration, cap: usize) {
        let mut wrong = Vec::new();
        let Claim { session_id, kind, epoch, .. } = claim;
        let held = self.claims_of(&claim.tenant, *kind, now, *session_id);
        if held >= cap {
            let what = format!("{} holds {} claims of {cap}", claim.tenant, held + 1);
            wrong.push((Invariant::Fairness, what));
        }
        let Some(session) = self.sessions.by_id.get_mut(session_id) else { return };
        if session.erased {
            wrong.push((Invariant::TenantIsolation, format!("{session_id} came back as work")));
        }
        let slot = &mut session.slots[slot_of(*kind)];
        if slot.held && now < slot.ends_at {
            let what =
                format!("{session_id} was claimed twice at once, as {} and {epoch}", slot.epoch);
            wrong.push((Invariant::Fencing, what));
        }
        if *epoch <= slot.epoch {
            let what = format!("{session_id} was claimed under {epoch} after {}", slot.epoch);
            wrong.push((Invariant::Fencing, what));
        }
        slot.epoch = *epoch;
        slot.held = true;
        slot.ends_at = now + ttl;
        if *kind == WorkKind::Turns {
            let oldest = session.head();
            if claim.turn_id != oldest {
                let what = format!("{:?} was claimed before {oldest:?}", claim.turn_id);
                wrong.push((Invariant::Order, what));
            }
            if let Some(turn) = claim.turn_id.and_then(|turn| session.turn_mut(turn)) {
                turn.claims += 1;
                if turn.cancelled == Cancelled::Asked {
                    turn.cancelled = Cancelled::Known;
                }
                if turn.claims > MOST_CLAIMS {
                    let what = format!("{} is claimed again and again", turn.id);
                    wrong.push((Invariant::Liveness, what));
                }
                if claim.tries < turn.claims {
                    let what = format!(
                        "{} was claimed {} times, counted {}",
                        turn.id, turn.claims, claim.tries
                    );
                    wrong.push((Invariant::Liveness, what));
                }
            }
        }
        for (invariant, what) in wrong {
            self.violate(invariant, what);
        }
    }

    fn claims_of(
        &self,
        tenant: &TenantId,
        kind: WorkKind,
        now: Timestamp,
        but: SessionId,
    ) -> usize {
        let sessions = self.sessions.by_id.iter();
        let live = sessions.filter(|(id, session)| {
            let slot = &session.slots[slot_of(kind)];
            **id != but && session.tenant == *tenant && slot.held && now < slot.ends_at
        });
        live.filter(|(_, session)| !session.erased).count()
    }

    /// A holder was told how its claim stands.
    pub(super) fn heartbeat(
        &mut self,
        claim: &Claim,
        now: Timestamp,
        ttl: Duration,
        answer: Heartbeat,
    ) {
        let Some(session) = self.sessions.by_id.get_mut(&claim.session_id) else { return };
        let slot = &mut session.slots[slot_of(claim.kind)];
        let ours = slot.epoch == claim.epoch && slot.held && !session.erased;
        match answer {
            Heartbeat::Lost => {}
            Heartbeat::Held | Heartbeat::CancelRequested if ours => slot.ends_at = now + ttl,
            Heartbeat::Held | Heartbeat::CancelRequested => {
                let what = format!("{} holds epoch {} still", claim.session_id, claim.epoch);
                self.violate(Invariant::Fencing, what);
            }
        }
    }

    /// A claim was given up.
    pub(super) fn released(&mut self, claim: &Claim, how: Release) {
        let Some(session) = self.sessions.by_id.get_mut(&claim.session_id) else { return };
        let slot = &mut session.slots[slot_of(claim.kind)];
        if slot.epoch != claim.epoch || !slot.held {
            return;
        }
        slot.held = false;
        let turn = claim.turn_id.filter(|_| how == Release::Orderly);
        if let Some(turn) = turn.and_then(|turn| session.turn_mut(turn)) {
            turn.claims = 0;
        }
    }
}
