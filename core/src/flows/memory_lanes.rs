//! The lanes of the memory queue that an instance holds, and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::shares::Shares;
use crate::ids::OwnerId;
use crate::outbox::lane::Lane;
use crate::ports::memory_queue::DueWrite;
use crate::time::Timestamp;
use crate::work::lease::{PartitionLease, Resource};

/// The lanes of one instance.
pub(super) struct MemoryLanes {
    pub(super) shares: Shares,
    held: Mutex<BTreeMap<Lane, Tenure>>,
}

/// A lane that is held.
#[derive(Clone)]
struct Tenure {
    lease: PartitionLease,
    /// When it was first seen to be held; it was acquired no later.
    since: Timestamp,
}

impl MemoryLanes {
    /// No lane yet.
    pub(super) fn new(owner: OwnerId) -> Self {
        let lanes = Lane::all().map(Resource::MemoryLane).collect();
        Self { shares: Shares::new("memory-sync", owner, lanes), held: Mutex::default() }
    }

    /// The leases of the lanes that are held now.
    pub(super) fn leases(&self, now: Timestamp) -> Vec<PartitionLease> {
        let leases = self.shares.held();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *held);
        for lease in &leases {
            let Resource::MemoryLane(lane) = lease.resource else { continue };
            let known = before.get(&lane).filter(|known| known.lease.epoch == lease.epoch);
            let since = known.map_or(now, |known| known.since);
            held.insert(lane, Tenure { lease: lease.clone(), since });
        }
        leases
    }

    /// Whether a write may be made by now. The lane's former holder may still be making an older one
    /// of the same key, for as long as `longest`: one that replaced it is to be remembered last.
    pub(super) fn may_make(&self, due: &DueWrite, longest: Duration, now: Timestamp) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let tenure = held.get(&Lane::of(&due.write.key));
        tenure.is_some_and(|tenure| due.version == 0 || tenure.since + longest <= now)
    }
}
