//! Sharing partitions and lanes out among the instances of a service: each takes its fair part.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::ports::{Leases, PortResult};
use crate::work::lease::{PartitionLease, Resource};

/// How long a lease and a membership hold without being renewed.
const LEASE_TTL: Duration = Duration::from_secs(10);
/// How often they are renewed.
const RENEWAL: Duration = Duration::from_secs(3);
/// How often an instance that lacks a part of its share looks for it.
const LOOK: Duration = Duration::from_millis(300);

/// The part of a set of resources that one instance holds.
#[derive(Debug)]
pub struct Shares {
    group: String,
    owner: OwnerId,
    resources: Vec<Resource>,
    held: Mutex<BTreeMap<Resource, PartitionLease>>,
}

impl Shares {
    /// Nothing held yet.
    pub fn new(group: impl Into<String>, owner: OwnerId, resources: Vec<Resource>) -> Self {
        Self { group: group.into(), owner, resources, held: Mutex::default() }
    }

    /// The lease of a resource, if it is held.
    pub fn get(&self, resource: &Resource) -> Option<PartitionLease> {
        self.lock().get(resource).cloned()
    }

    /// Every lease that is held.
    pub fn held(&self) -> Vec<PartitionLease> {
        self.lock().values().cloned().collect()
    }

    /// Takes note that the position of a lease has moved.
    pub fn moved(&self, lease: &PartitionLease, next_offset: u64) {
        if let Some(held) = self.lock().get_mut(&lease.resource)
            && held.epoch == lease.epoch
        {
            held.next_offset = next_offset;
        }
    }

    /// Lets go of a lease that is someone else's, or whose position is not known for certain: it is
    /// acquired anew, with the position that the store has.
    pub fn drop_lease(&self, lease: &PartitionLease) {
        let mut held = self.lock();
        if held.get(&lease.resource).is_some_and(|held| held.epoch == lease.epoch) {
            held.remove(&lease.resource);
        }
    }

    /// Keeps the share fair and alive until `stop`, then gives it up.
    pub async fn keep(&self, leases: &dyn Leases, world: &World, stop: &Stop) {
        let mut renewed = None;
        while !stop.is_set() {
            let now = world.clock.now();
            let due = renewed.is_none_or(|then| now.since(then) >= RENEWAL);
            match self.balance(leases, due).await {
                Ok(()) if due => renewed = Some(now),
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, group = self.group, "sharing out is tried again");
                }
            }
            world.pause(LOOK, stop).await;
        }
        self.give_up(leases).await;
    }

    async fn balance(&self, leases: &dyn Leases, renew: bool) -> PortResult<()> {
        if renew {
            for lease in self.held() {
                if !leases.renew(&lease, LEASE_TTL).await? {
                    self.drop_lease(&lease);
                }
            }
        } else if self.lock().len() == self.resources.len() {
            return Ok(());
        }
        let members = leases.join(&self.group, self.owner, LEASE_TTL).await?.max(1);
        let share = self.resources.len().div_ceil(members);
        while self.lock().len() > share {
            let excess = self.lock().pop_last();
            if let Some((_, lease)) = excess {
                leases.release(&lease).await?;
            }
        }
        for resource in &self.resources {
            if self.lock().len() >= share {
                break;
            }
            if self.get(resource).is_some() {
                continue;
            }
            if let Some(lease) = leases.acquire(resource, self.owner, LEASE_TTL).await? {
                self.lock().insert(resource.clone(), lease);
            }
        }
        Ok(())
    }

    async fn give_up(&self, leases: &dyn Leases) {
        let held = std::mem::take(&mut *self.lock());
        for lease in held.into_values() {
            if let Err(error) = leases.release(&lease).await {
                tracing::debug!(%error, resource = %lease.resource, "a lease ends by itself");
            }
        }
        if let Err(error) = leases.leave(&self.group, self.owner).await {
            tracing::debug!(%error, group = self.group, "a membership ends by itself");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Resource, PartitionLease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
