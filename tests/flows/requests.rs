//! Requests that are made again, and requests of tools.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Map, json};
use soma_core::conversation::event::EventType::{ToolRequested, ToolResult, ToolStart};
use soma_core::flows::follow_session::Until;
use soma_core::flows::refusal::Refusal;
use soma_core::flows::request_tool::NewToolRequest;
use soma_core::flows::stop::Stop;
use soma_core::flows::submit_message::NewMessage;
use soma_core::ports::rate_limit::Rate;
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::Style;
use soma_core::work::backlog::BacklogLimits;
use soma_inproc::Script;
use soma_tests::platform::{Client, check};

use crate::house::{House, Plan};

fn keyed(message: &str) -> NewMessage {
    NewMessage {
        message: message.into(),
        idempotency_key: Some("key-1".into()),
        ..NewMessage::default()
    }
}

#[tokio::test(start_paused = true)]
async fn request_made_twice_is_answered_once_and_alike() {
    let house = Plan::saying("Once.").open();
    let mut client = house.client();

    let first = client.submit(keyed("Hello")).await.unwrap().unwrap();
    let second = client.submit(keyed("Hello")).await.unwrap().unwrap();
    client.until_ended(1).await;
    let third = client.submit(keyed("Hello")).await.unwrap().unwrap();

    assert_eq!((second, third), (first, first));
    let report = check(&house.platform, &client.principal).await;
    assert_eq!((report.turns.len(), house.model.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn key_of_another_request_is_refused_and_of_another_tenant_is_new() {
    let house = Plan::saying("Once.").open();
    let mut client = house.client();
    let mut other = Client::new(&house.platform, "other");
    let first = client.submit(keyed("Hello")).await.unwrap().unwrap();

    let reused = client.submit(keyed("Good bye")).await.unwrap();
    let elsewhere = other.submit(keyed("Good bye")).await.unwrap().unwrap();

    assert!(matches!(reused, Err(Refusal::KeyReused)), "{reused:?}");
    assert_ne!(elsewhere.session_id, first.session_id);
    client.until_ended(1).await;
    other.until_ended(1).await;
    check(&house.platform, &client.principal).await;
    check(&house.platform, &other.principal).await;
}

/// The same words in another session are another request.
#[tokio::test(start_paused = true)]
async fn key_that_was_used_in_another_session_is_refused() {
    let house = Plan::saying("Once.").open();
    let (mut client, mut other) = (house.client(), house.client());
    client.ask_and_wait("A session.").await;
    other.ask_and_wait("Another session.").await;
    let says = |session_id| NewMessage { session_id, ..keyed("Hello") };
    let first = client.submit(says(client.session)).await.unwrap().unwrap();

    let elsewhere = other.submit(says(other.session)).await.unwrap();

    assert!(matches!(elsewhere, Err(Refusal::KeyReused)), "{elsewhere:?}");
    assert_eq!(client.submit(says(client.session)).await.unwrap().unwrap(), first);
    client.until_ended(2).await;
    let report = check(&house.platform, &client.principal).await;
    assert_eq!(report.turns.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn flood_is_refused_with_the_time_to_come_back() {
    let house = Plan::saying("Yes.")
        .with(|plan| {
            plan.settings.rate = Some(Rate { requests: 2, per: Duration::from_mins(1) });
        })
        .open();
    let mut client = house.client();

    client.ask_and_wait("one").await;
    client.ask_and_wait("two").await;
    let message = NewMessage { message: "three".into(), ..NewMessage::default() };
    let refused = client.submit(message.clone()).await.unwrap();

    let Err(Refusal::TooMany(wait)) = refused else { panic!("{refused:?}") };
    house.platform.pass(wait).await;
    assert!(client.submit(message).await.unwrap().is_ok());
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn tool_that_a_client_asks_for_runs_once_and_its_result_is_an_event() {
    let house = Plan::saying("Hello.").open();
    let mut client = house.client();
    client.ask_and_wait("Hi").await;
    let request = NewToolRequest {
        session_id: client.session.unwrap(),
        tool_name: "echo".into(),
        args: Map::from_iter([("say".into(), json!("ho"))]),
        trace: None,
    };
    let gateway = house.platform.gateway().unwrap();

    gateway.request_tool.run(&client.principal, request).await.unwrap();
    client.until(|view| view.count(ToolResult) == 1).await;

    assert_eq!(client.view.kinds[4..], [ToolRequested, ToolStart, ToolResult]);
    assert_eq!(house.echo.calls().len(), 1);
    check(&house.platform, &client.principal).await;
}

#[tokio::test(start_paused = true)]
async fn follower_of_a_session_that_is_deleted_is_let_go() {
    let house = Plan::saying("Noted.").open();
    let mut client = house.client();
    client.ask_and_wait("Hello").await;
    let gateway = house.platform.gateway().unwrap();
    let (from, session) = (Cursor::default(), client.session.unwrap());
    let frames = gateway.follow.run(&client.principal, session, from, Style::Deltas, Until::Left);
    let frames = frames.await.unwrap();

    client.delete().await;

    let seen = tokio::time::timeout(Duration::from_mins(1), frames.count()).await;
    assert!(seen.is_ok(), "the stream never ends");
}

/// A house whose model never answers, where so much may wait.
fn overloaded(limits: BacklogLimits) -> House {
    let never = Stop::new();
    Plan::new(move |_, _| Script::new().hold(&never))
        .with(|plan| {
            plan.settings.backlog = Some(limits);
            plan.settings.capacity.sessions = 1;
        })
        .open()
}

fn says(message: &str) -> NewMessage {
    NewMessage { message: message.into(), ..NewMessage::default() }
}

#[tokio::test(start_paused = true)]
async fn tenant_with_too_much_waiting_is_refused_and_others_are_not() {
    let house = overloaded(BacklogLimits { per_tenant: 5, ..BacklogLimits::default() });
    let mut client = house.client();
    let mut refused = None;
    for _ in 0..20 {
        house.platform.pass(Duration::from_secs(1)).await;
        if let Err(refusal) = client.submit(says("hello")).await.unwrap() {
            refused = Some(refusal);
            break;
        }
    }
    let other = Client::new(&house.platform, "globex").submit(says("hello")).await.unwrap();

    assert!(matches!(refused, Some(Refusal::TooMany(_))), "{refused:?}");
    assert!(other.is_ok(), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn too_much_waiting_in_all_is_refused_to_everybody() {
    let house = overloaded(BacklogLimits { in_all: 3, ..BacklogLimits::default() });
    let mut refused = Vec::new();
    for tenant in ["a", "b", "c", "d", "e", "f"] {
        house.platform.pass(Duration::from_secs(1)).await;
        let answer = Client::new(&house.platform, tenant).submit(says("hello")).await.unwrap();
        refused.push(matches!(answer, Err(Refusal::Overloaded(_))));
    }

    assert_eq!(refused, [false, false, false, false, true, true], "one is worked on, three wait");
}

#[tokio::test(start_paused = true)]
async fn session_with_too_much_waiting_is_refused() {
    let house = overloaded(BacklogLimits { per_session: 2, ..BacklogLimits::default() });
    let mut client = house.client();
    client.say("one").await;
    client.say("two").await;

    let third = NewMessage { session_id: client.session, ..says("three") };
    let refused = client.submit(third).await.unwrap();

    assert!(matches!(refused, Err(Refusal::TooMany(_))), "{refused:?}");
    assert!(client.submit(says("elsewhere")).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn session_with_too_much_waiting_is_told_when_a_turn_of_it_is_done() {
    let house = Plan::new(|_, _| Script::new().pause(Duration::from_secs(4)).text("Well.").done())
        .with(|plan| {
            let limits = BacklogLimits { per_session: 4, ..BacklogLimits::default() };
            plan.settings.backlog = Some(limits);
            plan.settings.capacity.sessions = 1;
        })
        .open();
    let mut client = house.client();
    client.say("one").await;
    let (mut accepted, mut pause) = (1, None);
    for _ in 0..60 {
        house.platform.pass(Duration::from_secs(1)).await;
        let more = NewMessage { session_id: client.session, ..says("more") };
        match client.submit(more).await.unwrap() {
            Ok(_) => accepted += 1,
            Err(Refusal::TooMany(wait)) => pause = Some(wait.as_secs_f64()),
            Err(refusal) => panic!("{refusal:?}"),
        }
    }

    assert!(accepted > 12, "{accepted}");
    assert!(pause.is_some_and(|pause| (3.0..6.0).contains(&pause)), "{pause:?}");
}
