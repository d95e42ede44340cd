//! Several instances, and many sessions at once.

use std::time::Duration;

use futures_util::future::{join, join_all};
use soma_core::conversation::event::EventType::AssistantFinal;
use soma_core::flows::stop::Stop;
use soma_inproc::Script;
use soma_tests::platform::{Client, Unit, check, last_words};

use crate::house::{House, Plan};

/// So many clients, each with a session of its own.
fn clients(house: &House, count: usize) -> Vec<Client> {
    (0..count).map(|_| house.client()).collect()
}

#[tokio::test(start_paused = true)]
async fn two_of_each_answer_everything_once_and_in_order() {
    let house = Plan::asking_for("echo").open();
    for unit in [Unit::Worker, Unit::Executor, Unit::Replicator, Unit::MemorySync, Unit::OutboxSync]
    {
        house.platform.start(unit.nth(2));
    }
    house.platform.pass(Duration::from_secs(5)).await;
    let mut clients = clients(&house, 12);

    let talks = clients.iter_mut().map(|client| async {
        for words in ["one", "two", "three"] {
            client.say(words).await;
        }
        client.until_ended(3).await;
    });
    join_all(talks).await;

    let report = check(&house.platform, &clients[0].principal).await;
    assert_eq!((report.turns.len(), report.replicated), (36, 72));
    assert_eq!(report.endings().filter(|event| event.kind == AssistantFinal).count(), 36);
    assert_eq!((house.model.requests().len(), house.echo.calls().len()), (72, 36));
}

#[tokio::test(start_paused = true)]
async fn one_of_two_is_killed_and_the_other_takes_over() {
    for unit in [Unit::Worker, Unit::Executor, Unit::Replicator, Unit::OutboxSync] {
        let house = Plan::asking_for("echo").open();
        house.platform.start(unit.nth(2));
        house.platform.pass(Duration::from_secs(5)).await;
        let mut clients = clients(&house, 6);

        let talks = clients.iter_mut().map(|client| async {
            client.ask_and_wait("one").await;
            client.ask_and_wait("two").await;
        });
        let kill = async {
            house.platform.pass(Duration::from_millis(30)).await;
            house.platform.crash(unit).await;
        };
        join(join_all(talks), kill).await;

        let report = check(&house.platform, &clients[0].principal).await;
        assert_eq!((report.turns.len(), report.replicated), (12, 24), "{unit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_session_does_not_delay_the_others() {
    let slow = Stop::new();
    let held = slow.clone();
    let house = Plan::new(move |request, _| {
        if last_words(request) == "slow" {
            Script::new().text("Wait ").hold(&held).done()
        } else {
            Script::answer("Quick.")
        }
    })
    .open();
    let mut sluggard = house.client();
    sluggard.say("slow").await;
    let mut clients = clients(&house, 60);

    let clock = &house.platform.stage.clock;
    let talks = clients.iter_mut().map(|client| async {
        let begun = clock.now();
        client.ask_and_wait("quick").await;
        clock.now().since(begun)
    });
    let took = join_all(talks).await;
    house.platform.pass(Duration::from_secs(20)).await;
    slow.trigger();
    sluggard.until_ended(1).await;

    let longest = took.into_iter().max().unwrap();
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    let report = check(&house.platform, &sluggard.principal).await;
    assert_eq!(report.turns.len(), 61);
}

#[tokio::test(start_paused = true)]
async fn flood_of_one_tenant_does_not_delay_another() {
    let flood = Stop::new();
    let held = flood.clone();
    let house = Plan::new(move |request, _| {
        if last_words(request) == "flood" {
            Script::new().text("Wait ").hold(&held).done()
        } else {
            Script::answer("Quick.")
        }
    })
    .with(|plan| {
        plan.settings.capacity.sessions = 8;
        plan.settings.capacity.per_tenant = 6;
    })
    .open();
    let mut many: Vec<_> = (0..20).map(|_| Client::new(&house.platform, "flooding")).collect();
    join_all(many.iter_mut().map(|client| client.say("flood"))).await;
    house.platform.pass(Duration::from_secs(1)).await;
    let mut other = house.client();

    let begun = house.platform.stage.clock.now();
    other.ask_and_wait("quick").await;
    let took = house.platform.stage.clock.now().since(begun);

    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(house.model.under_way(), 6);
    flood.trigger();
    join_all(many.iter_mut().map(|client| client.until_ended(1))).await;
    check(&house.platform, &many[0].principal).await;
}
