//! Services that are stopped, killed and started again while the others run.

use std::time::Duration;

use soma_core::conversation::event::EventType::{AssistantFinal, AssistantRestarted, TurnFailed};
use soma_core::flows::stop::Stop;
use soma_core::ports::Model;
use soma_inproc::Script;
use soma_tests::platform::{Unit, asks_for, check, last_words};

use crate::house::Plan;

#[tokio::test(start_paused = true)]
async fn service_that_is_away_for_a_while_loses_nothing() {
    for unit in Unit::ALL {
        let house = Plan::asking_for("echo").open();
        let mut client = house.client();
        client.ask_and_wait("first").await;

        house.platform.stop(unit).await;
        let away = async {
            house.platform.pass(Duration::from_secs(5)).await;
            house.platform.start(unit);
        };
        let asking = async { client.ask_and_wait("second").await };
        let (ended, ()) = futures_util::future::join(asking, away).await;

        assert_eq!(ended.kind, AssistantFinal, "without {unit:?}");
        let report = check(&house.platform, &client.principal).await;
        assert_eq!((report.turns.len(), report.replicated), (2, 4), "without {unit:?}");
        assert_eq!((house.model.requests().len(), house.echo.calls().len()), (4, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn service_that_is_killed_and_started_again_loses_nothing() {
    for unit in Unit::ALL {
        let house = Plan::asking_for("echo").open();
        let mut client = house.client();
        client.ask_and_wait("first").await;

        house.platform.crash(unit).await;
        house.platform.start(unit);
        let ended = client.ask_and_wait("second").await;

        assert_eq!(ended.kind, AssistantFinal, "without {unit:?}");
        let report = check(&house.platform, &client.principal).await;
        assert_eq!((report.turns.len(), report.replicated), (2, 4), "without {unit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_an_answer_that_ends_in_time() {
    let go_on = Stop::new();
    let held = go_on.clone();
    let house =
        Plan::new(move |_, _| Script::new().text("Almost ").hold(&held).text("done.").done())
            .open();
    let mut client = house.client();
    client.say("Well?").await;
    client.until(|view| view.text == "Almost ").await;

    let finishing = async {
        house.platform.pass(Duration::from_secs(20)).await;
        go_on.trigger();
    };
    futures_util::future::join(house.platform.stop(Unit::Worker), finishing).await;
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.text.as_str(), ended.attempt), ("Almost done.", 1));
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn stop_hands_back_an_answer_that_takes_too_long_and_the_next_worker_begins_it_anew() {
    let never = Stop::new();
    let house = Plan::new(move |_, before| {
        if before == 0 {
            Script::new().text("Never ").hold(&never)
        } else {
            Script::answer("Ended.")
        }
    })
    .open();
    let mut client = house.client();
    client.say("Well?").await;
    client.until(|view| view.text == "Never ").await;
    let begun = house.platform.stage.clock.now();

    house.platform.stop(Unit::Worker).await;
    let took = house.platform.stage.clock.now().since(begun);
    house.platform.start(Unit::Worker);
    client.for_a_while(Duration::from_secs(2)).await;

    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(32), "{took:?}");
    let ended = client.view.ended.values().next().expect("it was released, not left to lapse");
    assert_eq!((ended.text.as_str(), ended.attempt), ("Ended.", 2));
    assert_eq!(client.view.count(AssistantRestarted), 1);
    let report = check(&house.platform, &client.principal).await;
    let requests = house.model.requests();
    let prompts = requests.iter().flat_map(|request| &request.messages);
    let prompts: u64 = prompts.map(|message| message.tokens(&|text| house.model.count(text))).sum();
    let said = house.model.count("Never ") + house.model.count("Ended.");
    assert_eq!((requests.len(), report.used), (2, prompts + said), "each call is paid for once");
}

#[tokio::test(start_paused = true)]
async fn answer_that_outlasts_one_rolling_restart_after_another_is_given_in_the_end() {
    let never = Stop::new();
    let house = Plan::new(move |_, before| {
        if before < 4 {
            Script::new().text("Never ").hold(&never)
        } else {
            Script::answer("Ended.")
        }
    })
    .open();
    let mut client = house.client();
    client.say("Well?").await;
    for restarted in 0..4 {
        client
            .until(|view| view.text == "Never " && view.count(AssistantRestarted) == restarted)
            .await;

        house.platform.stop(Unit::Worker).await;
        house.platform.start(Unit::Worker);
    }
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.kind, ended.attempt), (AssistantFinal, 5));
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn turn_that_kills_its_worker_three_times_is_given_up_and_blocks_nobody() {
    let never = Stop::new();
    let house = Plan::new(move |request, _| {
        if last_words(request) == "poison" {
            Script::new().text("Ouch ").hold(&never)
        } else {
            Script::answer("Fine.")
        }
    })
    .open();
    let mut client = house.client();
    let poison = client.say("poison").await;
    let next = client.say("next").await;
    for round in 1..=3 {
        let restarted = round - 1;
        client
            .until(|view| view.text == "Ouch " && view.count(AssistantRestarted) == restarted)
            .await;

        house.platform.crash(Unit::Worker).await;
        house.platform.start(Unit::Worker);
    }
    client.until_ended(2).await;

    let ended = &client.view.ended[&poison.turn_id];
    assert_eq!((ended.kind, ended.reason.as_deref()), (TurnFailed, Some("internal")));
    assert_eq!(client.view.ended[&next.turn_id].text, "Fine.");
    check(&house.platform, &client.principal).await;
    let letters =
        crate::records::dead_letters(&house.platform.truth, "conversation.inbound.dlq").await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0]["original_event"].as_str().unwrap().contains("poison"));
}

#[tokio::test(start_paused = true)]
async fn answer_that_was_interrupted_now_and_then_is_not_given_up() {
    let house = Plan::new(move |_, before| {
        let never = Stop::new();
        match before % 2 {
            0 => Script::new().text("Hm ").hold(&never),
            _ if before < 9 => asks_for("", &[("echo", "{}")]),
            _ => Script::answer("Done."),
        }
    })
    .with(|plan| plan.settings.turns.max_tool_rounds = 9)
    .open();
    let mut client = house.client();
    client.say("Use the tool, again and again.").await;
    for restarted in 0..5 {
        client
            .until(|view| view.text.ends_with("Hm ") && view.count(AssistantRestarted) == restarted)
            .await;

        house.platform.crash(Unit::Worker).await;
        house.platform.start(Unit::Worker);
    }
    client.until_ended(1).await;

    let ended = client.view.ended.values().next().unwrap();
    assert_eq!((ended.kind, ended.attempt), (AssistantFinal, 6));
    check(&house.platform, &client.principal).await;
}
