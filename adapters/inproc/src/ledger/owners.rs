//! Who works, until when they count as alive, and what becomes of the work of the dead.

use std::collections::BTreeMap;

use soma_core::ids::{OwnerId, SessionId};
use soma_core::ports::work::{ClaimRequest, Holding};
use soma_core::time::Timestamp;
use soma_core::work::commit::WorkKind;
use soma_core::work::suspicion::{Blame, SuspectLimit, Suspicion};

use super::conversation::{ClaimSlot, Conversation};
use super::state::State;

/// The owners of one kind of work.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Until when each counts as alive.
    pub(super) until: BTreeMap<OwnerId, Timestamp>,
    /// Judges the work of the dead.
    pub(super) blame: Blame,
}

/// The owners of each kind of work.
pub(super) type OwnerTable = BTreeMap<WorkKind, Owners>;

impl Owners {
    pub(super) fn is_alive(&self, owner: OwnerId, now: Timestamp) -> bool {
        self.until.get(&owner).is_some_and(|until| now < *until)
    }

    /// Those who are dead, in the order in which they were due.
    fn dead(&self, now: Timestamp) -> Vec<OwnerId> {
        let due = self.until.iter().filter(|(_, until)| **until <= now);
        let mut dead: Vec<_> = due.map(|(owner, until)| (*until, *owner)).collect();
        dead.sort_unstable();
        dead.into_iter().map(|(_, owner)| owner).collect()
    }
}

impl State {
    /// The slots of an owner, by session.
    pub(super) fn slots_of(
        &mut self,
        kind: WorkKind,
        owner: OwnerId,
    ) -> impl Iterator<Item = (SessionId, &mut ClaimSlot)> {
        self.conversations.iter_mut().filter_map(move |(session, found)| {
            let slot = found.claims.get_mut(&kind)?;
            (slot.owner == Some(owner)).then_some((*session, slot))
        })
    }

    /// Frees what the owner does not know that it holds.
    pub(super) fn free_unknown(&mut self, request: &ClaimRequest) {
        for (session_id, slot) in self.slots_of(request.kind, request.owner) {
            if !request.holding.contains(&Holding { session_id, epoch: slot.epoch }) {
                slot.owner = None;
            }
        }
    }

    /// Frees and judges what the dead held.
    pub(super) fn judge_dead(&mut self, kind: WorkKind, now: Timestamp) {
        let dead = self.owners.entry(kind).or_default().dead(now);
        for owner in dead {
            let mut blame = self.blame(kind);
            let mut slots: Vec<_> = self.slots_of(kind, owner).map(|(_, slot)| slot).collect();
            let mut held: Vec<Suspicion> = slots.iter().map(|slot| slot.suspicion).collect();
            blame.judge(&mut held, now);
            for (slot, judged) in slots.iter_mut().zip(held) {
                slot.owner = None;
                slot.suspicion = judged;
            }
            let owners = self.owners.entry(kind).or_default();
            owners.blame = blame;
            owners.until.remove(&owner);
        }
    }

    /// The owner is alive: for `ttl` if it was given something, and else for at least two thirds of it.
    pub(super) fn keep_alive(&mut self, request: &ClaimRequest, now: Timestamp, given: bool) {
        let owners = self.owners.entry(request.kind).or_default();
        let until = owners.until.entry(request.owner).or_default();
        if given || *until < now + request.ttl * 2 / 3 {
            *until = now + request.ttl;
        }
    }

    fn blame(&self, kind: WorkKind) -> Blame {
        self.owners.get(&kind).map(|owners| owners.blame).unwrap_or_default()
    }

    /// Which suspects the owner may take up.
    pub(super) fn suspect_limit(
        &self,
        kind: WorkKind,
        owner: OwnerId,
        now: Timestamp,
    ) -> SuspectLimit {
        let slots = self.conversations.values().filter_map(|found| found.claims.get(&kind));
        let claimed: Vec<&ClaimSlot> = slots.filter(|slot| slot.owner.is_some()).collect();
        let isolated = claimed.iter().any(|slot| slot.suspicion.is_isolated());
        let mut suspect_limit = self.blame(kind).suspect_limit(isolated, now);
        for slot in claimed.iter().filter(|slot| slot.owner == Some(owner)) {
            suspect_limit.add(slot.suspicion);
        }
        suspect_limit
    }
}

impl Conversation {
    /// What is held against the work of a kind.
    pub(super) fn suspicion(&self, kind: WorkKind) -> Suspicion {
        self.claims.get(&kind).map(|slot| slot.suspicion).unwrap_or_default()
    }
}
