//! Who reads which partition, and from where.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::digest::Digest32;
use soma_core::ids::OwnerId;
use soma_core::ports::leases::Renewed;
use soma_core::ports::{Leases, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{Member, PartitionLease, Resource};

use super::InprocLedger;

/// A resource that was leased at least once.
#[derive(Debug, Default)]
struct Slot {
    /// Who holds it; none once it was released.
    owner: Option<OwnerId>,
    epoch: u64,
    ends_at: Timestamp,
    next_offset: u64,
    last: Option<Digest32>,
}

/// The leases and the members of groups.
#[derive(Debug, Default)]
pub(super) struct LeaseTable {
    slots: BTreeMap<Resource, Slot>,
    members: BTreeMap<Member, Timestamp>,
}

impl LeaseTable {
    fn release(&mut self, leases: &[PartitionLease]) {
        for lease in leases {
            let slot = self.slots.get_mut(&lease.resource);
            if let Some(slot) = slot.filter(|slot| slot.is_held_by(lease)) {
                slot.owner = None;
            }
        }
    }

    /// Whether nobody took the lease over, nor released it.
    pub(super) fn is_held(&self, lease: &PartitionLease) -> bool {
        self.slots.get(&lease.resource).is_some_and(|slot| slot.is_held_by(lease))
    }

    /// Moves the position from where the batch begins to where it ends, or says why not.
    pub(super) fn advance<T>(&mut self, batch: &Batch<T>) -> BatchOutcome {
        let slot = self.slots.get_mut(&batch.lease.resource);
        let Some(slot) = slot.filter(|slot| slot.is_held_by(&batch.lease)) else {
            return BatchOutcome::Fenced;
        };
        if slot.next_offset == batch.lease.next_offset {
            slot.next_offset = batch.next_offset;
            slot.last = batch.last;
            BatchOutcome::Applied
        } else if slot.next_offset >= batch.next_offset {
            BatchOutcome::AlreadyDone
        } else {
            BatchOutcome::Fenced
        }
    }
}

impl Slot {
    fn is_held_by(&self, lease: &PartitionLease) -> bool {
        self.owner == Some(lease.owner) && self.epoch == lease.epoch
    }

    fn is_free_for(&self, owner: OwnerId, now: Timestamp) -> bool {
        self.owner.is_none_or(|holder| holder == owner) || self.ends_at <= now
    }
}

#[async_trait]
impl Leases for InprocLedger {
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        let now = self.clock.now();
        let mut state = self.state();
        let LeaseTable { slots, members } = &mut state.leases;
        members.retain(|_, ends_at| now < *ends_at);
        match members.get_mut(member) {
            Some(ends_at) => *ends_at = now + ttl,
            None => drop(members.insert(member.clone(), now + ttl)),
        }
        let held = leases.iter().map(|lease| {
            let slot = slots.get_mut(&lease.resource).filter(|slot| slot.is_held_by(lease));
            slot.map(|slot| slot.ends_at = now + ttl).is_some()
        });
        let held = held.collect();
        let members = members.keys().filter(|other| other.group == member.group).count();
        Ok(Renewed { held, members })
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let now = self.clock.now();
        let mut state = self.state();
        let acquired = resources.iter().filter_map(|resource| {
            let slot = state.leases.slots.entry(resource.clone()).or_default();
            if !slot.is_free_for(owner, now) {
                return None;
            }
            slot.owner = Some(owner);
            slot.epoch += 1;
            slot.ends_at = now + ttl;
            let Slot { epoch, next_offset, last, .. } = *slot;
            Some(PartitionLease { resource: resource.clone(), owner, epoch, next_offset, last })
        });
        Ok(acquired.take(most).collect())
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        self.state().leases.release(leases);
        Ok(())
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        let mut state = self.state();
        state.leases.members.remove(member);
        state.leases.release(leases);
        Ok(())
    }
}
