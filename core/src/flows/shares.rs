//! Sharing partitions and lanes out among the instances of a service: each takes its fair part.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event as Signal;
use futures_util::future::{Either, select};

use super::stop::Stop;
use super::world::World;
use crate::ids::OwnerId;
use crate::ports::{Leases, Notification, PortResult, Wake};
use crate::work::lease::{Member, PartitionLease, Resource};

/// How soon an instance that lacks a part of its share looks for it first.
const LOOK: Duration = Duration::from_millis(300);

/// The part of a set of resources that one instance holds.
#[derive(Debug)]
pub struct Shares {
    member: Member,
    resources: Vec<Resource>,
    held: Mutex<BTreeMap<Resource, PartitionLease>>,
    gained: Signal,
    lost: Signal,
}

/// How much of its share an instance holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Less,
}

impl Shares {
    /// Nothing held yet.
    pub fn new(group: impl Into<String>, owner: OwnerId, resources: Vec<Resource>) -> Self {
        Self {
            member: Member { group: group.into(), owner },
            resources,
            held: Mutex::default(),
            gained: Signal::new(),
            lost: Signal::new(),
        }
    }

    /// The lease of a resource, once it is held.
    pub async fn lease(&self, resource: &Resource) -> PartitionLease {
        loop {
            let gained = self.gained.listen();
            if let Some(lease) = self.lock().get(resource).cloned() {
                return lease;
            }
            gained.await;
        }
    }

    /// Resolves once something more is held.
    pub async fn grown(&self) {
        self.gained.listen().await;
    }

    /// Every lease that is held.
    pub fn held(&self) -> Vec<PartitionLease> {
        self.lock().values().cloned().collect()
    }

    /// Notes the position to which a lease has moved.
    pub fn moved(&self, lease: PartitionLease) {
        if let Some(held) = self.lock().get_mut(&lease.resource)
            && held.epoch == lease.epoch
        {
            *held = lease;
        }
    }

    /// Lets go of a lease that is someone else's, or whose position is not known for certain: it is
    /// acquired anew, with the position that the store has.
    pub fn drop_lease(&self, lease: &PartitionLease) {
        if self.forget(lease) {
            self.lost.notify(usize::MAX);
        }
    }

    /// Keeps the share fair and alive until `stop`, then gives it up.
    ///
    /// Whoever joins, lets go or leaves notifies the others. A notification that is lost, and an instance that
    /// dies, are noticed at the next renewal.
    pub async fn keep(&self, leases: &dyn Leases, world: &World, stop: &Stop) {
        let mut notified = world.wake.waiter(self.notification());
        let mut look = LOOK;
        let mut announced = false;
        let mut unsure = 0;
        while !stop.is_set() {
            let lost = self.lost.listen();
            let part = self.balance(leases, world, &mut unsure).await;
            if part.is_ok() && !announced {
                world.wake.notify(self.notification());
                announced = true;
            }
            look = match part {
                Ok(Part::Whole) => world.liveness.heartbeat,
                Ok(Part::Less) => look.saturating_mul(2).min(world.liveness.heartbeat),
                Err(error) => {
                    tracing::warn!(%error, group = self.member.group, "sharing out is tried again");
                    LOOK
                }
            };
            let pause = pin!(world.pause(look, stop));
            if let Either::Left((early, _)) = select(select(notified.wait(), lost), pause).await {
                look = LOOK;
                if matches!(early, Either::Right(_)) {
                    // Whatever took it may take it again: what was lost is not asked for at once.
                    world.pause(LOOK, stop).await;
                }
            }
        }
        self.give_up(leases, &*world.wake).await;
    }

    /// Renews what is held, and takes or releases what the share lacks or exceeds.
    ///
    /// As many as are `unsure` may have been acquired by a call whose outcome is not known. They are
    /// acquired again, and what of them exceeds the share is released then: else nobody would have
    /// them until they end.
    async fn balance(
        &self,
        leases: &dyn Leases,
        world: &World,
        unsure: &mut usize,
    ) -> PortResult<Part> {
        let ttl = world.liveness.ttl;
        let held = self.held();
        let renewed = leases.renew(&self.member, &held, ttl).await?;
        let lost = held.iter().zip(renewed.held).filter(|(_, held)| !held);
        lost.for_each(|(lease, _)| self.drop_lease(lease));
        let share = self.resources.len().div_ceil(renewed.members.max(1));
        let lacking = share.saturating_sub(self.lock().len());
        *unsure = lacking.max(*unsure);
        if *unsure > 0 {
            let (owner, most) = (self.member.owner, *unsure);
            let gained = leases.acquire(&self.not_held(), most, owner, ttl).await?;
            *unsure = 0;
            self.gain(gained);
        }
        let excess: Vec<_> = self.held().into_iter().skip(share).collect();
        if !excess.is_empty() {
            leases.release(&excess).await?;
            for lease in &excess {
                self.forget(lease);
            }
            world.wake.notify(self.notification());
        }
        Ok(if self.lock().len() < share { Part::Less } else { Part::Whole })
    }

    fn gain(&self, leases: Vec<PartitionLease>) {
        if !leases.is_empty() {
            self.lock().extend(leases.into_iter().map(|lease| (lease.resource.clone(), lease)));
            self.gained.notify(usize::MAX);
        }
    }

    /// Returns whether the lease was held.
    fn forget(&self, lease: &PartitionLease) -> bool {
        let mut held = self.lock();
        let is_held = held.get(&lease.resource).is_some_and(|held| held.epoch == lease.epoch);
        if is_held {
            held.remove(&lease.resource);
        }
        is_held
    }

    fn not_held(&self) -> Vec<Resource> {
        let held = self.lock();
        self.resources.iter().filter(|resource| !held.contains_key(resource)).cloned().collect()
    }

    async fn give_up(&self, leases: &dyn Leases, wake: &dyn Wake) {
        let held: Vec<PartitionLease> = std::mem::take(&mut *self.lock()).into_values().collect();
        if let Err(error) = leases.leave(&self.member, &held).await {
            tracing::debug!(%error, group = self.member.group, "membership and leases end by themselves");
        }
        wake.notify(self.notification());
    }

    /// What those who share are notified about.
    fn notification(&self) -> Notification {
        match self.resources.first() {
            Some(Resource::Partition { topic, .. }) => Notification::Partitions(*topic),
            Some(Resource::MemoryLane(_)) => Notification::MemoryLanes,
            Some(Resource::Lane(_)) | None => Notification::Lanes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Resource, PartitionLease>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
