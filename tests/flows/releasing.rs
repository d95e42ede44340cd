//! The last commit of a claim, of which the store knows before the worker does.

use std::sync::Arc;
use std::time::Duration;

use soma_core::ports::{PortResult, Timer};
use soma_decorators::{Decorated, Intercept, Point};
use soma_tests::platform::{Watch, check};

use crate::house::Plan;

/// Longer than between two heartbeats.
const LATE: Duration = Duration::from_secs(5);

/// The end of a turn is committed at once, and the worker hears of it late.
struct LateEnd(Arc<dyn Timer>);

impl Intercept for LateEnd {
    async fn call<T, C, F>(&self, point: Point, ask: C) -> PortResult<T>
    where
        C: Fn() -> F + Send + Sync,
        F: Future<Output = PortResult<T>> + Send,
        T: Send,
    {
        let reply = ask().await;
        if point == Point::EndTurn {
            self.0.sleep(LATE).await;
        }
        reply
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeat_that_finds_a_claim_released_takes_it_from_nobody() {
    let watch = Watch::new();
    let plan = Plan::saying("Yes.").with(|plan| {
        let late = LateEnd(Arc::clone(&plan.stage.timer));
        plan.ports.store = Arc::new(Decorated::new(Arc::clone(&plan.ports.store), late));
    });
    let house = plan.open_watched(&watch);
    let mut client = house.client();

    client.say("Are you there?").await;
    client.until_ended(1).await;
    house.platform.pass(2 * LATE).await;

    assert_eq!(
        watch.tally().get(&Point::SettleBudget),
        Some(&1),
        "the counter of tokens was not told"
    );
    check(&house.platform, &client.principal).await;
}
