//! Following a session by server-sent events.

use std::time::Duration;

use soma_core::conversation::event::{EventType, Seq};
use soma_core::work::commit::Receipt;
use tokio::io::AsyncReadExt;

use crate::app::{App, nowhere};
use crate::client::{Chunk, Request};
use crate::faulty::Fault;
use crate::frames::{Events, Sent};

fn follow(app: &App, turn: &Receipt, query: &str) -> Request {
    app.request("GET", &format!("/v1/session/{}/events{query}", turn.session_id))
}

fn kinds(events: &[Sent]) -> Vec<&str> {
    events.iter().map(|sent| sent.event.as_str()).collect()
}

fn text(events: &[Sent]) -> String {
    events.iter().filter_map(|sent| sent.data["delta"].as_str()).collect()
}

#[tokio::test]
async fn stream_begins_at_once() {
    let app = App::start();
    let turn = app.said().await;

    let mut events = Events::open(follow(&app, &turn, "")).await;

    assert_eq!(events.header("Content-Type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(events.header("Cache-Control"), Some("no-store"));
    assert_eq!(events.header("X-Accel-Buffering"), Some("no"));
    assert_eq!(events.line().await.unwrap(), ": connected");
}

#[tokio::test]
async fn no_block_is_without_an_event_and_each_begins_with_its_data() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "?until=final")).await;
    let first = events.block().await.unwrap();
    app.parts.bells.ring(Duration::from_secs(4));
    app.piece(&turn, 1, 0, "one");
    let second = events.block().await.unwrap();
    app.finished(&turn, "one").await;
    let third = events.block().await.unwrap();

    let fields = |block: &str| {
        let lines = block.lines().filter(|line| !line.starts_with(':'));
        lines.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields(&first), ["data", "id", "event", "retry"]);
    assert_eq!(fields(&second), ["data", "id", "event"]);
    assert_eq!(fields(&third), ["data", "id", "event"]);
    assert_eq!(events.block().await, None);
}

#[tokio::test]
async fn event_is_sent_as_it_is_stored() {
    let app = App::start();
    let turn = app.said().await;

    let sent = Events::open(follow(&app, &turn, "")).await.next().await.unwrap();

    let stored = app.get(&format!("/v1/sessions/{}/events", turn.session_id)).await.json();
    assert_eq!((sent.id.as_str(), sent.event.as_str()), ("1", "user.message"));
    assert_eq!(sent.data, stored["events"][0]);
}

#[tokio::test]
async fn answer_arrives_in_pieces_and_then_whole() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "?until=final")).await;
    assert_eq!(events.next().await.unwrap().event, "user.message");

    app.piece(&turn, 1, 0, "one ");
    let first = events.next().await.unwrap();
    app.piece(&turn, 1, 4, "two");
    let second = events.next().await.unwrap();
    app.finished(&turn, "one two").await;
    let rest = events.rest().await;

    assert_eq!((first.id.as_str(), first.event.as_str()), ("1.1.4", "assistant.delta"));
    assert_eq!(first.data["delta"], "one ");
    assert_eq!(first.data["type"], "assistant.delta");
    assert_eq!(first.data["session_id"], turn.session_id.to_string());
    assert_eq!(first.data["turn_id"], turn.turn_id.to_string());
    assert_eq!((second.id.as_str(), &second.data["offset"]), ("1.1.7", &4.into()));
    assert_eq!(kinds(&rest), ["assistant.final"]);
    assert_eq!(rest[0].data["message"], "one two");
}

#[tokio::test]
async fn client_that_comes_back_gets_exactly_what_it_has_not_seen() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "")).await;
    events.next().await.unwrap();
    app.piece(&turn, 1, 0, "häl");
    let seen = events.next().await.unwrap();
    drop(events);
    app.piece(&turn, 1, 4, "f");

    let by_header = follow(&app, &turn, "?after=0&until=final").header("Last-Event-ID", &seen.id);
    let by_query = follow(&app, &turn, &format!("?after={}&until=final", seen.id));
    let by_name = follow(&app, &turn, &format!("?last_event_id={}&until=final&after=0", seen.id));
    let mut streams = Vec::new();
    for request in [by_header, by_query, by_name] {
        streams.push(Events::open(request).await);
    }
    app.piece(&turn, 1, 5, "te");
    app.finished(&turn, "hälfte").await;

    for stream in streams {
        let events = stream.rest().await;
        assert_eq!(text(&events), "fte");
        assert_eq!(events.last().unwrap().event, "assistant.final");
        assert!(kinds(&events).iter().all(|kind| *kind != "user.message"));
    }
}

#[tokio::test]
async fn client_that_comes_back_late_gets_the_rest_of_the_answer() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "one two").await;

    let events = Events::open(follow(&app, &turn, "?after=1.1.4&until=final")).await.rest().await;

    assert_eq!(kinds(&events), ["assistant.delta", "assistant.final"]);
    assert_eq!(text(&events), "two");
}

#[tokio::test]
async fn answer_that_starts_anew_says_so() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "?until=final")).await;
    events.next().await.unwrap();
    app.piece(&turn, 1, 0, "void");
    events.next().await.unwrap();

    app.happened(&turn, EventType::AssistantRestarted, 2).await;
    app.finished_at(&turn, 2, "good").await;
    let rest = events.rest().await;

    assert_eq!(kinds(&rest), ["assistant.restarted", "assistant.delta", "assistant.final"]);
    assert_eq!(text(&rest), "good");
}

#[tokio::test]
async fn cumulative_stream_repeats_the_whole_text() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "?stream=cumulative&until=final")).await;
    events.next().await.unwrap();

    app.piece(&turn, 1, 0, "one ");
    let first = events.next().await.unwrap();
    app.piece(&turn, 1, 4, "two");
    let second = events.next().await.unwrap();
    app.finished(&turn, "one two").await;
    let rest = events.rest().await;

    assert_eq!(
        (first.event.as_str(), &first.data["message"]),
        ("assistant.stream", &"one ".into())
    );
    assert_eq!(second.data["message"], "one two");
    assert_eq!(second.data.get("delta"), None);
    assert_eq!(kinds(&rest), ["assistant.final"]);
}

#[tokio::test]
async fn stream_until_final_ends_at_once_when_nothing_runs() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;

    let all = Events::open(follow(&app, &turn, "?until=final")).await.rest().await;

    assert_eq!(kinds(&all), ["user.message", "assistant.delta", "assistant.final"]);
}

#[tokio::test]
async fn browser_that_comes_back_after_the_end_is_told_to_stay_away() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;

    let over = follow(&app, &turn, "?until=final").header("Last-Event-ID", "2").send().await;
    let without_end = follow(&app, &turn, "?after=2").open().await;
    app.said_by("acme", Some(turn.session_id)).await;
    let more = follow(&app, &turn, "?until=final&after=2").open().await;

    assert_eq!((over.head.status, over.body.as_str()), (204, ""));
    assert_eq!(without_end.head.status, 200);
    assert_eq!(more.head.status, 200);
}

#[tokio::test]
async fn empty_place_is_none() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;

    let query = follow(&app, &turn, "?until=final&after=&last_event_id=&stream=");
    let query = Events::open(query).await.rest().await;
    let header = follow(&app, &turn, "?until=final").header("Last-Event-ID", "");
    let header = Events::open(header).await.rest().await;
    let kept = follow(&app, &turn, "?until=final&after=1").header("Last-Event-ID", "");
    let kept = Events::open(kept).await.rest().await;

    assert_eq!(kinds(&query), ["user.message", "assistant.delta", "assistant.final"]);
    assert_eq!(query, header);
    assert_eq!(kinds(&kept), ["assistant.delta", "assistant.final"]);
}

#[tokio::test]
async fn old_client_gets_a_stream_that_ends_with_its_connection() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;

    let request = follow(&app, &turn, "?until=final").header("Connection", "keep-alive").old();
    let mut opened = request.open().await;
    let mut body = String::new();
    opened.stream.read_to_string(&mut body).await.unwrap();

    assert_eq!(opened.head.header("Transfer-Encoding"), None);
    assert_ne!(opened.head.header("Connection"), Some("keep-alive"));
    assert!(body.starts_with(": connected\ndata: {"), "{body}");
    assert!(body.ends_with("event: assistant.final\n\n"), "{body}");
}

#[tokio::test]
async fn silent_stream_shows_that_it_is_alive() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "")).await;
    events.next().await.unwrap();

    for _ in 0..2 {
        app.parts.bells.ring(Duration::from_secs(4));
        assert_eq!(events.line().await.unwrap(), ": heartbeat");
    }
}

#[tokio::test]
async fn stream_that_fails_is_cut_and_not_ended() {
    let app = App::start();
    let turn = app.said().await;
    let mut events = Events::open(follow(&app, &turn, "?until=final")).await;
    events.next().await.unwrap();

    app.parts.faults.fail(Fault::Unavailable);
    // The store is ahead of what this gateway was told, and cannot be asked.
    app.parts.hub.stored([(turn.session_id, Some(Seq(2)))]);
    let end = app.while_time_passes(events.end()).await;

    assert_eq!(end, Chunk::Cut);
}

#[tokio::test]
async fn session_that_is_deleted_ends_its_streams_and_says_so() {
    for query in ["", "?until=final", "?stream=cumulative"] {
        let app = App::start();
        let turn = app.said().await;
        let mut events = Events::open(follow(&app, &turn, query)).await;
        events.next().await.unwrap();

        let deleted = app.request("DELETE", &format!("/v1/sessions/{}", turn.session_id));
        assert_eq!(deleted.send().await.head.status, 204);
        let rest = events.rest().await;

        assert_eq!(kinds(&rest), ["session.deleted"], "{query}");
        assert_eq!(rest[0].data["type"], "session.deleted");
        assert_eq!(rest[0].data["session_id"], turn.session_id.to_string());
    }
}

#[tokio::test]
async fn place_that_is_none_is_named() {
    let app = App::start();
    let turn = app.said().await;

    for (query, wrong) in [
        ("?after=x", "after"),
        ("?after=1.2", "after"),
        ("?last_event_id=-1", "last_event_id"),
        ("?until=forever", "until"),
        ("?stream=loud", "stream"),
    ] {
        let problem = follow(&app, &turn, query).send().await.problem();
        assert_eq!(problem, (422, "invalid-request".into(), vec![wrong.into()]), "{query}");
    }
    let header = follow(&app, &turn, "").header("Last-Event-ID", "1.x").send().await;
    assert_eq!(header.problem().2, ["Last-Event-ID"]);
}

#[tokio::test]
async fn place_beyond_the_end_is_refused() {
    let app = App::start();
    let turn = app.said().await;

    for place in ["2", "9.1.5", "18446744073709551615"] {
        let answer = follow(&app, &turn, &format!("?after={place}")).send().await;
        assert_eq!(answer.refused(422), "no-such-position", "{place}");
    }
}

#[tokio::test]
async fn session_that_is_not_there_cannot_be_followed() {
    let app = App::start();

    let answer = app.get(&format!("/v1/session/{}/events", nowhere())).await;

    assert_eq!(answer.refused(404), "no-such-session");
}
