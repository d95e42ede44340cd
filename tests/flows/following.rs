//! Many who follow, and sessions that are deleted while they are followed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::select_all;
use soma_core::conversation::event::EventType::TurnFailed;
use soma_core::flows::follow_session::Until;
use soma_core::flows::stop::Stop;
use soma_core::stream::cursor::Cursor;
use soma_core::stream::resume::{FrameBody, Style};
use soma_decorators::Point;
use soma_inproc::Script;
use soma_tests::platform::{Client, Watch, check};

use crate::house::{House, Plan};

/// How often a gateway looks into the store.
const LOOK: Duration = Duration::from_secs(5);

/// Someone is in the middle of an answer that does not end.
async fn following(house: &House) -> Client {
    let mut client = house.client();
    client.say("Tell me a story.").await;
    client.until(|view| view.text == "Once ").await;
    client
}

fn endless() -> Plan {
    let never = Stop::new();
    Plan::new(move |_, _| Script::new().text("Once ").hold(&never))
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_session_that_is_deleted_is_told_at_once() {
    let house = endless().open();
    let mut client = following(&house).await;

    client.delete().await;
    client.for_a_while(Duration::from_millis(100)).await;

    assert!(client.view.deleted);
    assert_eq!(client.view.count(TurnFailed), 0);
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_session_that_is_deleted_elsewhere_is_told_by_the_next_look() {
    let house = endless().open();
    let mut client = following(&house).await;
    let (tenant, session) = (client.principal.tenant.clone(), client.session.unwrap());

    let store = &house.platform.truth.store;
    store.erase(&tenant, session, house.platform.stage.clock.now()).await.unwrap();
    client.for_a_while(LOOK + Duration::from_secs(1)).await;

    assert!(client.view.deleted);
}

#[tokio::test(start_paused = true)]
async fn stream_until_final_of_a_session_that_is_deleted_does_not_end_as_if_it_were_answered() {
    let house = endless().open();
    let client = following(&house).await;
    let gateway = house.platform.gateway().unwrap();
    let (caller, session) = (client.principal.clone(), client.session.unwrap());
    let follow =
        gateway.follow.run(&caller, session, Cursor::default(), Style::Deltas, Until::Final);
    let frames = follow.await.unwrap();

    client.delete().await;
    let frames: Vec<_> = frames.collect().await;

    let last = frames.last().unwrap().as_ref().unwrap();
    assert_eq!(last.body, FrameBody::Deleted);
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_open_cost_one_question_a_look_however_many_they_are() {
    const OPEN: usize = 1_000;
    let watch = Watch::new();
    let house = Plan::saying("Here I am.").open_watched(&watch);
    let mut clients: Vec<_> = (0..10).map(|_| house.client()).collect();
    for client in &mut clients {
        client.ask_and_wait("Hello?").await;
        client.disconnect();
    }
    check(&house.platform, &clients[0].principal).await;
    let gateway = house.platform.gateway().unwrap();
    let mut streams = Vec::new();
    for client in clients.iter().cycle().take(OPEN) {
        let (caller, session) = (&client.principal, client.session.unwrap());
        let follow =
            gateway.follow.run(caller, session, Cursor::default(), Style::Deltas, Until::Left);
        streams.push(follow.await.unwrap());
    }
    let mut frames = select_all(streams);
    let timer = Arc::clone(&house.platform.stage.timer);
    let mut watching = async |span: Duration| {
        let mut over = timer.sleep(span);
        while let Either::Left((Some(_), rest)) = select(frames.next(), over).await {
            over = rest;
        }
    };
    watching(LOOK).await;
    let before = watch.tally();

    watching(LOOK * 12).await;

    let asked = |point| watch.tally()[&point] - before.get(&point).copied().unwrap_or_default();
    assert_eq!(asked(Point::Heads), 12);
    assert_eq!((asked(Point::Session), asked(Point::Events)), (0, 0));
}
