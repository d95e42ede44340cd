//! What one instance held, another takes over: at once when it stops, soon when it dies.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, pending};
use soma_core::ids::OwnerId;
use soma_core::ports::leases::Renewed;
use soma_core::ports::{Leases, Notification, PortError, PortResult, Waiter, Wake};
use soma_core::work::lease::{Member, PartitionLease, Resource};
use soma_tests::platform::{Unit, check};

use crate::house::{House, Plan};

/// Those of which two share partitions or lanes out.
const SHARING: [Unit; 4] = [Unit::Worker, Unit::Executor, Unit::Replicator, Unit::OutboxSync];

/// Pokes nobody, as between processes whose connection is cut.
struct Deaf;

impl Wake for Deaf {
    fn notify(&self, _about: Notification) {}

    fn waiter(&self, _about: Notification) -> Box<dyn Waiter> {
        Box::new(Self)
    }
}

#[async_trait]
impl Waiter for Deaf {
    async fn wait(&mut self) {
        pending::<()>().await;
    }
}

/// What goes wrong once for everyone who shares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// What an owner acquires first, it does not learn.
    AcquiredUnknown,
    /// Nothing is released the first time that an owner wants to.
    ReleaseRefused,
}

/// Leases with which something goes wrong.
struct Unlucky {
    inner: Arc<dyn Leases>,
    wrong: Goes,
    /// With whom it went wrong.
    with: Mutex<BTreeSet<OwnerId>>,
}

impl Unlucky {
    fn with(plan: &mut Plan, wrong: Goes) {
        let inner = Arc::clone(&plan.ports.leases);
        plan.ports.leases = Arc::new(Self { inner, wrong, with: Mutex::default() });
    }

    fn goes_wrong(&self, what: Goes, owner: OwnerId) -> bool {
        what == self.wrong && self.with.lock().unwrap().insert(owner)
    }
}

#[async_trait]
impl Leases for Unlucky {
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed> {
        self.inner.renew(member, leases, ttl).await
    }

    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>> {
        let acquired = self.inner.acquire(resources, most, owner, ttl).await?;
        if self.goes_wrong(Goes::AcquiredUnknown, owner) {
            return Err(PortError::Ambiguous("the reply was lost".into()));
        }
        Ok(acquired)
    }

    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()> {
        if self.goes_wrong(Goes::ReleaseRefused, leases[0].owner) {
            return Err(PortError::Unavailable("refused".into()));
        }
        self.inner.release(leases).await
    }

    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()> {
        self.inner.leave(member, leases).await
    }
}

/// Two of a unit, which have shared out what there is.
async fn two_of(unit: Unit, plan: Plan) -> House {
    let house = plan.open();
    house.platform.start(unit.nth(2));
    house.platform.pass(Duration::from_secs(10)).await;
    house
}

/// How long it takes until every one of many sessions is answered, and the platform at rest.
async fn answering(house: &House) -> Duration {
    let clock = &house.platform.stage.clock;
    let begun = clock.now();
    let mut clients: Vec<_> = (0..12).map(|_| house.client()).collect();
    join_all(clients.iter_mut().map(|client| client.ask_and_wait("Use the tool."))).await;
    let report = check(&house.platform, &clients[0].principal).await;
    assert_eq!((report.turns.len(), report.replicated), (12, 24));
    clock.now().since(begun)
}

#[tokio::test(start_paused = true)]
async fn share_of_one_that_stops_is_taken_over_at_once() {
    for unit in SHARING {
        let house = two_of(unit, Plan::asking_for("echo")).await;

        house.platform.stop(unit.nth(2)).await;
        let took = answering(&house).await;

        assert!(took < Duration::from_secs(1), "{unit:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn share_of_one_that_stops_is_taken_over_soon_though_nobody_is_poked() {
    for unit in SHARING {
        let deaf = Plan::asking_for("echo").with(|plan| plan.stage.wake = Arc::new(Deaf));
        let house = two_of(unit, deaf).await;

        house.platform.stop(unit.nth(2)).await;
        house.platform.pass(Duration::from_secs(4)).await;
        let took = answering(&house).await;

        assert!(took < Duration::from_secs(5), "{unit:?} took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn share_of_one_that_dies_is_taken_over_within_eleven_seconds() {
    for unit in SHARING {
        for since_renewal in 0..3 {
            let house = two_of(unit, Plan::asking_for("echo")).await;
            house.platform.pass(Duration::from_secs(since_renewal)).await;

            house.platform.crash(unit.nth(2)).await;
            let took = answering(&house).await;

            assert!(took < Duration::from_secs(11), "{unit:?} took {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn share_that_was_acquired_unknown_or_not_released_at_first_is_not_left_alone() {
    for wrong in [Goes::AcquiredUnknown, Goes::ReleaseRefused] {
        for unit in SHARING {
            let plan = Plan::asking_for("echo").with(|plan| Unlucky::with(plan, wrong));
            let house = plan.open();
            let after = if wrong == Goes::ReleaseRefused { 5 } else { 0 };
            house.platform.pass(Duration::from_secs(after)).await;

            house.platform.start(unit.nth(2));
            let took = answering(&house).await;

            assert!(took < Duration::from_secs(3), "{unit:?} took {took:?}");
        }
    }
}
