//! Who reads which partition, and from where.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::OwnerId;
use soma_core::ports::{Leases, PortResult};
use soma_core::stream::chain::Digest32;
use soma_core::time::Timestamp;
use soma_core::work::ingest::{Batch, BatchOutcome};
use soma_core::work::lease::{PartitionLease, Resource};

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
    members: BTreeMap<(String, OwnerId), Timestamp>,
}

impl LeaseTable {
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
    async fn acquire(
        &self,
        resource: &Resource,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Option<PartitionLease>> {
        let now = self.clock.now();
        let mut state = self.state();
        let slot = state.leases.slots.entry(resource.clone()).or_default();
        if !slot.is_free_for(owner, now) {
            return Ok(None);
        }
        slot.owner = Some(owner);
        slot.epoch += 1;
        slot.ends_at = now + ttl;
        let Slot { epoch, next_offset, last, .. } = *slot;
        Ok(Some(PartitionLease { resource: resource.clone(), owner, epoch, next_offset, last }))
    }

    async fn renew(&self, leases: &[PartitionLease], ttl: Duration) -> PortResult<Vec<bool>> {
        let now = self.clock.now();
        let mut state = self.state();
        let renewed = leases.iter().map(|lease| {
            let slot = state.leases.slots.get_mut(&lease.resource);
            let held = slot.filter(|slot| slot.is_held_by(lease));
            held.map(|slot| slot.ends_at = now + ttl).is_some()
        });
        Ok(renewed.collect())
    }

    async fn release(&self, lease: &PartitionLease) -> PortResult<()> {
        let mut state = self.state();
        let slot = state.leases.slots.get_mut(&lease.resource);
        if let Some(slot) = slot.filter(|slot| slot.is_held_by(lease)) {
            slot.owner = None;
        }
        Ok(())
    }

    async fn join(&self, group: &str, member: OwnerId, ttl: Duration) -> PortResult<usize> {
        let now = self.clock.now();
        let mut state = self.state();
        let members = &mut state.leases.members;
        members.retain(|_, ends_at| now < *ends_at);
        members.insert((group.to_owned(), member), now + ttl);
        Ok(members.keys().filter(|(of, _)| of == group).count())
    }

    async fn leave(&self, group: &str, member: OwnerId) -> PortResult<()> {
        self.state().leases.members.remove(&(group.to_owned(), member));
        Ok(())
    }
}
