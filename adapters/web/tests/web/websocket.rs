//! Following a session, and speaking in it, over a WebSocket.

use std::time::Duration;

use serde_json::json;
use soma_core::conversation::event::Seq;
use soma_core::ports::Ids;
use soma_core::work::commit::Receipt;
use soma_inproc::CountingIds;

use crate::app::{App, nowhere, turn_of};
use crate::faulty::Fault;
use crate::frames::{BINARY, CLOSE, Came, PING, PONG, Socket, TEXT};

const PING_AFTER: Duration = Duration::from_secs(20);

fn target(turn: &Receipt) -> String {
    format!("/v1/session/{}/stream", turn.session_id)
}

async fn open(app: &App) -> (Receipt, Socket) {
    let turn = app.said().await;
    let mut socket = app.socket(&target(&turn)).await;
    assert_eq!(socket.text().await["type"], "user.message");
    (turn, socket)
}

#[tokio::test]
async fn events_come_as_text_with_their_place() {
    let app = App::start();
    let turn = app.said().await;
    let mut socket = app.socket(&target(&turn)).await;

    let said = socket.text().await;
    app.piece(&turn, 1, 0, "one ");
    let piece = socket.text().await;
    app.finished(&turn, "one two").await;
    let (rest, end) = (socket.text().await, socket.text().await);

    assert_eq!((&said["id"], &said["seq"]), (&"1".into(), &1.into()));
    assert_eq!((&piece["id"], &piece["delta"]), (&"1.1.4".into(), &"one ".into()));
    assert_eq!(rest["delta"], "two");
    assert_eq!((&end["id"], &end["type"]), (&"2".into(), &"assistant.final".into()));
}

#[tokio::test]
async fn socket_goes_on_from_a_place_and_ends_after_the_turn() {
    let app = App::start();
    let turn = app.said().await;
    app.piece(&turn, 1, 0, "one ");

    let query = "?after=1.1.2&until=final&stream=cumulative";
    let mut socket = app.socket(&format!("{}{query}", target(&turn))).await;
    app.finished(&turn, "one two").await;

    assert_eq!(socket.text_of("assistant.final").await["message"], "one two");
    assert_eq!(socket.closed().await, 1000);
}

#[tokio::test]
async fn socket_on_a_session_that_is_deleted_is_closed_with_a_code_of_its_own() {
    let app = App::start();
    let (turn, mut socket) = open(&app).await;

    let deleted = app.request("DELETE", &format!("/v1/sessions/{}", turn.session_id));
    assert_eq!(deleted.send().await.head.status, 204);

    assert_eq!(socket.text().await["type"], "session.deleted");
    assert_eq!(socket.closed().await, 4404);
}

#[tokio::test]
async fn message_over_a_socket_is_accepted_and_comes_back_as_an_event() {
    let app = App::start();
    let (turn, mut socket) = open(&app).await;

    let message = json!({"type": "message", "message": "more", "idempotency_key": "k"});
    socket.say(&message).await;
    let accepted = socket.text_of("accepted").await;
    socket.say(&message).await;
    let again = socket.text_of("accepted").await;

    assert_eq!(accepted["session_id"], turn.session_id.to_string());
    assert_eq!(accepted["turn_id"], again["turn_id"]);
    assert!(!app.parts.store_turn(turn_of(&accepted["turn_id"])).await.cancel_requested);
}

#[tokio::test]
async fn cancel_over_a_socket_reaches_the_turn() {
    let app = App::start();
    let (turn, mut socket) = open(&app).await;

    socket.say(&json!({"type": "cancel"})).await;
    let accepted = socket.text_of("accepted").await;

    assert_eq!(accepted["request"], "cancel");
    assert!(app.parts.store_turn(turn.turn_id).await.cancel_requested);
}

#[tokio::test]
async fn cancel_over_a_socket_reaches_turns_that_wait_if_it_says_so() {
    let app = App::start();
    let (turn, mut socket) = open(&app).await;
    let waiting = app.said_by("acme", Some(turn.session_id)).await;

    socket.say(&json!({"type": "cancel"})).await;
    socket.text_of("accepted").await;
    assert!(!app.parts.store_turn(waiting.turn_id).await.cancel_requested);
    socket.say(&json!({"type": "cancel", "turns": "all"})).await;
    socket.text_of("accepted").await;

    assert!(app.parts.store_turn(waiting.turn_id).await.cancel_requested);
}

#[tokio::test]
async fn bad_frame_is_answered_and_the_socket_stays_open() {
    let app = App::start();
    let (_, mut socket) = open(&app).await;

    for (frame, status) in [
        ("", 400),
        ("{", 400),
        ("[1]", 400),
        ("{}", 422),
        (r#"{"type": "shout"}"#, 422),
        (r#"{"type": "message"}"#, 422),
        (r#"{"type": "message", "message": "a", "x": 1}"#, 422),
        (r#"{"type": "cancel", "x": 1}"#, 422),
    ] {
        socket.send(TEXT, frame.as_bytes()).await;
        let error = socket.text_of("error").await;
        assert_eq!(error["problem"]["status"], status, "{frame}");
    }
    let elsewhere = json!({"type": "message", "message": "a", "session_id": nowhere()});
    socket.say(&elsewhere).await;
    assert_eq!(socket.text_of("error").await["problem"]["errors"][0]["field"], "session_id");
    socket.send(BINARY, &[1, 2, 3]).await;
    assert_eq!(socket.text_of("error").await["problem"]["status"], 400);
    socket.say(&json!({"type": "message", "message": "still here"})).await;
    assert_eq!(socket.text_of("accepted").await["request"], "message");
}

#[tokio::test]
async fn frame_in_parts_is_one_frame() {
    let app = App::start();
    let (_, mut socket) = open(&app).await;

    socket.send_part(TEXT, br#"{"type": "#).await;
    socket.send_part(0x80, br#""cancel"}"#).await;

    assert_eq!(socket.text_of("accepted").await["request"], "cancel");
}

#[tokio::test]
async fn frame_that_is_too_large_closes_the_socket() {
    let app = App::start();
    let limit = 2 * 1024 * 1024;

    let (_, mut whole) = open(&app).await;
    whole.send(TEXT, &vec![b' '; limit + 1]).await;
    let (_, mut parts) = open(&app).await;
    parts.send_part(TEXT, &vec![b' '; limit]).await;
    parts.send_part(0x80, &[b' '; 2]).await;

    assert_eq!(whole.closed().await, 1009);
    assert_eq!(parts.closed().await, 1009);
}

/// Nothing of the payload is sent: whoever waits for it waits for ever.
#[tokio::test]
async fn frame_that_declares_too_much_is_refused_from_its_head() {
    let app = App::start();
    let limit: u64 = 2 * 1024 * 1024;

    for (first, length) in [
        (0x80 | TEXT, 300 * 1024 * 1024),
        (0x80 | TEXT, limit + 1),
        (0x80 | BINARY, u64::MAX >> 1),
        (0x80 | TEXT, u64::MAX),
        (TEXT, limit + 1),
        (0x80 | PING, 300 * 1024 * 1024),
    ] {
        let (_, mut socket) = open(&app).await;
        socket.head(first, length).await;
        assert_eq!(socket.closed().await, 1009, "{first:x} {length}");
    }
    let (_, mut parts) = open(&app).await;
    parts.send_part(TEXT, &vec![b' '; 1024 * 1024]).await;
    parts.head(0, 1024 * 1024 + 1).await;
    assert_eq!(parts.closed().await, 1009);
}

#[tokio::test]
async fn any_head_is_read_or_refused() {
    let app = App::start();
    let dice = CountingIds::seeded(11);
    let session = app.said().await.session_id;

    for _ in 0..200 {
        let mut socket = app.socket(&format!("/v1/session/{session}/stream?after=1")).await;
        let head: Vec<_> = (0..3).flat_map(|_| dice.random().to_be_bytes()).collect();
        let length = usize::try_from(dice.random() % 23).unwrap();
        socket.raw(&head[..=length]).await;
        socket.finish().await;
        // Whatever it was, the gateway ends it once the client does, and not before it can tell.
        tokio::time::timeout(Duration::from_secs(10), socket.drained()).await.unwrap();
    }
    assert_eq!(app.get("/healthz").await.head.status, 200);
}

#[tokio::test]
async fn connection_ends_at_once_after_a_close() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;
    let (_, mut asked) = open(&app).await;
    asked.send(CLOSE, &1000_u16.to_be_bytes()).await;
    let mut over = app.socket(&format!("{}?until=final", target(&turn))).await;

    for socket in [&mut asked, &mut over] {
        assert_eq!(socket.closed().await, 1000);
        let ended = tokio::time::timeout(Duration::from_secs(1), socket.drained()).await;
        assert!(ended.is_ok(), "the connection stays open");
    }
}

#[tokio::test]
async fn frame_that_is_no_text_closes_the_socket() {
    let app = App::start();

    let (_, mut broken) = open(&app).await;
    broken.send(TEXT, b"{\"type\": \"\xff\"}").await;
    let (_, mut foreign) = open(&app).await;
    foreign.send_part(0x80 | 3, b"").await;
    let (_, mut reserved) = open(&app).await;
    reserved.send_part(0xc0 | TEXT, b"x").await;

    assert_eq!(broken.closed().await, 1007);
    assert_eq!(foreign.closed().await, 1002);
    assert_eq!(reserved.closed().await, 1002);
}

#[tokio::test]
async fn ping_is_answered_and_close_too() {
    let app = App::start();
    let (_, mut socket) = open(&app).await;

    socket.send(PING, b"x").await;
    let pong = socket.came().await;
    socket.send(CLOSE, &1000_u16.to_be_bytes()).await;

    assert_eq!(pong, Came::Pong(b"x".to_vec()));
    assert_eq!(socket.closed().await, 1000);
}

#[tokio::test]
async fn socket_whose_stream_fails_is_asked_to_come_back() {
    let app = App::start();
    let (turn, mut socket) = open(&app).await;

    app.parts.faults.fail(Fault::Unavailable);
    // The store is ahead of what this gateway was told, and cannot be asked.
    app.parts.hub.stored([(turn.session_id, Some(Seq(2)))]);

    assert_eq!(app.while_time_passes(socket.closed()).await, 1013);
}

#[tokio::test]
async fn silent_client_is_pinged_and_then_let_go() {
    let app = App::start();
    let (_, mut socket) = open(&app).await;

    for expected in [Came::Ping, Came::Ping, Came::Close(1008)] {
        app.parts.bells.ring(PING_AFTER);
        assert_eq!(socket.came().await, expected);
    }
}

#[tokio::test]
async fn client_that_answers_pings_is_kept() {
    let app = App::start();
    let (_, mut socket) = open(&app).await;

    for _ in 0..6 {
        app.parts.bells.ring(PING_AFTER);
        assert_eq!(socket.came().await, Came::Ping);
        socket.send(PONG, b"").await;
        socket.send(PING, b"heard").await;
        assert_eq!(socket.came().await, Came::Pong(b"heard".to_vec()));
    }
}

#[tokio::test]
async fn request_that_is_for_no_socket_is_refused() {
    let app = App::start();
    let turn = app.said().await;

    let plain = app.get(&target(&turn)).await;
    let nowhere = app.upgrade(&format!("/v1/session/{}/stream", nowhere())).open().await;
    let beyond = app.upgrade(&format!("{}?after=7", target(&turn))).open().await;

    assert_eq!(plain.refused(426), "websocket-expected");
    assert_eq!(plain.head.header("Upgrade"), Some("websocket"));
    assert_eq!(nowhere.read().await.refused(404), "no-such-session");
    assert_eq!(beyond.read().await.refused(422), "no-such-position");
}
