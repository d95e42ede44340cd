//! What the platform asks of its ports while there is nothing to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use soma_decorators::Point;
use soma_inproc::{Script, ScriptedTool};
use soma_tests::platform::{Cast, Platform, Stage, Tools, Unit, Watch};

/// How often each of these was asked within an idle minute, of two instances of each service.
async fn asked_in_a_minute<const N: usize>(points: [Point; N]) -> [u64; N] {
    let stage = Stage::new();
    let model = Cast::new(&stage, |_, _| Script::answer("Hello."));
    let tools = Tools::one(Arc::new(ScriptedTool::echo("echo")));
    let ports = stage.ports(model, tools);
    let watch = Watch::new();
    let platform = Platform::new(stage, ports.clone(), ports).watched_by(&watch);
    for unit in Unit::ALL {
        platform.start(unit.nth(1));
        platform.start(unit.nth(2));
    }
    platform.pass(Duration::from_secs(30)).await;

    let before = watch.tally();
    platform.pass(Duration::from_mins(1)).await;
    let after = watch.tally();

    points.map(|point| {
        let count = |tally: &BTreeMap<Point, u64>| tally.get(&point).copied().unwrap_or_default();
        count(&after) - count(&before)
    })
}

#[tokio::test(start_paused = true)]
async fn idle_platform_looks_for_its_share_no_more_often_than_it_renews_it() {
    let [renewed, tried, released] =
        asked_in_a_minute([Point::Renew, Point::Acquire, Point::Release]).await;

    // 6 groups of 2, each of which renews all of its leases at once; of 3 partitions one instance has
    // 2, and the other tries those.
    assert_eq!((renewed, tried, released), (12 * 60, 4 * 60, 0));
}

#[tokio::test(start_paused = true)]
async fn idle_platform_reads_all_lanes_at_once_twice_a_second_and_settles_nothing() {
    let [read, settled] = asked_in_a_minute([Point::ReadOutbox, Point::SettleOutbox]).await;

    assert_eq!((read, settled), (2 * 120, 0));
}

#[tokio::test(start_paused = true)]
async fn idle_platform_looks_for_work_twice_a_second() {
    let [claimed] = asked_in_a_minute([Point::Claim]).await;

    assert_eq!(claimed, 4 * 120);
}
