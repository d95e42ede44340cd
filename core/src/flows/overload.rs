//! Refuses work that would wait too long: what was accepted is answered, and nobody is promised more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::refusal::Refusal;
use super::world::World;
use crate::ids::TenantId;
use crate::ports::Work;
use crate::work::backlog::{BacklogLimits, Load, Overload};
use crate::work::commit::WorkKind;

/// How old a sample of the backlog may be.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long a sample may take before it is done without.
const PATIENCE: Duration = Duration::from_millis(500);

/// Knows how much waits, and admits no more than may.
pub struct Gate {
    work: Arc<dyn Work>,
    kind: WorkKind,
    limits: BacklogLimits,
    world: World,
    load: Mutex<Load>,
    /// Held by whoever takes a sample; all others go by the last one.
    sampling: AtomicBool,
}

impl Gate {
    /// A gate in front of one kind of work.
    pub fn new(work: Arc<dyn Work>, kind: WorkKind, limits: BacklogLimits, world: World) -> Self {
        let (load, sampling) = (Mutex::default(), AtomicBool::new(false));
        Self { work, kind, limits, world, load, sampling }
    }

    /// The most unfinished turns of a session.
    pub const fn per_session(&self) -> u64 {
        self.limits.per_session
    }

    /// Whether more work of a tenant may be accepted.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] if it is the tenant's own that waits, [`Refusal::Overloaded`] if it is
    /// everybody's.
    pub async fn admit(&self, tenant: &TenantId) -> Result<(), Refusal> {
        self.refresh().await;
        match self.load().admit(tenant, &self.limits) {
            Ok(()) => Ok(()),
            Err(Overload::Tenant(pause)) => Err(Refusal::TooMany(pause)),
            Err(Overload::All(pause)) => Err(Refusal::Overloaded(pause)),
        }
    }

    /// When a session that has too many unfinished turns has one less.
    pub async fn pause_of_session(&self) -> Duration {
        self.refresh().await;
        self.load().turn()
    }

    /// Work of a tenant was accepted.
    pub fn accepted(&self, tenant: &TenantId) {
        self.load().accepted(tenant);
    }

    /// Takes a sample if the last one is old, and nobody else does. If the store does not answer,
    /// the last one holds: what is wrong shows when the work is to be stored.
    async fn refresh(&self) {
        if !self.load().is_older_than(SAMPLE, self.world.clock.now()) {
            return;
        }
        let Some(_sampling) = Sampling::begin(&self.sampling) else { return };
        match self.world.within(PATIENCE, self.work.backlog(self.kind)).await {
            Ok(backlog) => self.load().sample(backlog, self.world.clock.now()),
            Err(error) => tracing::debug!(%error, "nobody knows how much waits"),
        }
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to take a sample, until it is dropped: one at a time.
struct Sampling<'a>(&'a AtomicBool);

impl<'a> Sampling<'a> {
    /// None if somebody else has it.
    fn begin(taken: &'a AtomicBool) -> Option<Self> {
        let free = !taken.swap(true, Ordering::AcqRel);
        free.then(|| Self(taken))
    }
}

impl Drop for Sampling<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

crate::opaque_debug!(Gate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_takes_a_sample_and_who_may_not_leaves_it_to_them() {
        let taken = AtomicBool::new(false);

        let first = Sampling::begin(&taken);

        assert!(first.is_some());
        assert!(Sampling::begin(&taken).is_none());
        assert!(Sampling::begin(&taken).is_none(), "who was refused freed it");
        drop(first);
        assert!(Sampling::begin(&taken).is_some());
    }
}
