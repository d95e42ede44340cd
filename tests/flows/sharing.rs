//! What one instance held, another takes over: at once when it stops, soon when it dies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, pending};
use soma_core::ports::{Poke, Waiter, Wake};
use soma_tests::platform::{Unit, check};

use crate::house::{House, Plan};

/// Those of which two share partitions or lanes out.
const SHARING: [Unit; 4] = [Unit::Worker, Unit::Executor, Unit::Replicator, Unit::OutboxSync];

/// Pokes nobody, as between processes whose connection is cut.
struct Deaf;

impl Wake for Deaf {
    fn poke(&self, _about: Poke) {}

    fn waiter(&self, _about: Poke) -> Box<dyn Waiter> {
        Box::new(Self)
    }
}

#[async_trait]
impl Waiter for Deaf {
    async fn wait(&mut self) {
        pending::<()>().await;
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
