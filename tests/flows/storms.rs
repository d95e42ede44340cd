//! Many faults at once, with two of every service, some of which die: whatever happens, what was
//! accepted ends once, in order, and adds up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use soma_core::ports::Ids;
use soma_decorators::FaultPlan;
use soma_inproc::{CountingIds, Script};
use soma_tests::platform::{Client, Platform, Unit, asks_for, check, has_tool_results, last_words};

use crate::exhaustive::in_virtual_time;
use crate::house::Plan;

/// How many calls there are to one that fails.
const ONE_IN: u64 = 15;
/// Longer than any lease or claim holds without being kept alive.
const DELAY: Duration = Duration::from_secs(12);
/// How long the storm lasts.
const STORM: Duration = Duration::from_mins(2);

/// Kills someone now and then, for as long as the storm lasts.
async fn kill(platform: &Platform, chance: &CountingIds) {
    loop {
        platform.pass(Duration::from_millis(500 + chance.random() % 12_000)).await;
        let unit = Unit::ALL[usize::try_from(chance.random() % 6).unwrap()];
        let instance = unit.nth(1 + u32::try_from(chance.random() % 2).unwrap());
        platform.crash(instance).await;
        platform.pass(Duration::from_millis(chance.random() % 3_000)).await;
        platform.start(instance);
    }
}

async fn talk(client: &mut Client, chance: &CountingIds) {
    for words in ["one", "use the tool", "three"] {
        client.say(words).await;
        match chance.random() % 5 {
            0 => client.cancel().await,
            1 => client.for_a_while(Duration::from_millis(chance.random() % 2_000)).await,
            2 => client.disconnect(),
            _ => {}
        }
    }
    client.until_ended(3).await;
}

async fn storm(seed: u64) {
    let plan = Plan::new(|request, _| {
        if last_words(request).contains("tool") && !has_tool_results(request) {
            asks_for("Let me see. ", &[("echo", r#"{"n":1}"#), ("echo", r#"{"n":2}"#)])
        } else {
            Script::answer("This is a whole answer, word by word.")
        }
    });
    let chance = CountingIds::seeded(seed);
    let troubles = FaultPlan::with_delay(Arc::clone(&plan.stage.timer), DELAY);
    troubles.at_random(seed, ONE_IN);
    let faulty = plan.ports.clone().decorated(|| Arc::clone(&troubles));
    let platform = Arc::new(Platform::new(plan.stage.clone(), plan.ports.clone(), faulty));
    for unit in Unit::ALL {
        platform.start(unit.nth(1));
        platform.start(unit.nth(2));
    }
    let mut clients: Vec<_> = (0..4).map(|_| Client::new(&platform, "acme")).collect();

    let talks = join_all(clients.iter_mut().map(|client| talk(client, &chance)));
    let calm = async {
        let killing = pin!(kill(&platform, &chance));
        drop(select(killing, platform.stage.timer.sleep(STORM)).await);
        troubles.calm();
        std::future::pending::<()>().await;
    };
    match select(pin!(talks), pin!(calm)).await {
        Either::Left(_) => troubles.calm(),
        Either::Right(_) => unreachable!("it stays calm"),
    }
    let report = check(&platform, &clients[0].principal).await;

    assert_eq!(report.turns.len(), 12);
    assert!(troubles.hits().len() > 20, "that was no storm: {}", troubles.hits().len());
}

#[test]
fn storm_ends_with_everything_answered_once_and_in_order() {
    for seed in 0..40 {
        let outcome = catch_unwind(AssertUnwindSafe(|| in_virtual_time(storm(seed))));
        assert!(outcome.is_ok(), "it was the storm of seed {seed}");
    }
}
