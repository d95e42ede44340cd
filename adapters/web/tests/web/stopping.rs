//! Stopping: streams end, requests finish, and the server with them.

use crate::app::App;
use crate::client::Chunk;
use crate::frames::Events;

#[tokio::test]
async fn event_streams_are_cut_when_the_gateway_stops() {
    for query in ["", "?until=final", "?stream=cumulative"] {
        let mut app = App::start();
        let session = app.said().await.session_id;
        let request = app.request("GET", &format!("/v1/session/{session}/events{query}"));
        let mut events = Events::open(request).await;
        events.next().await.unwrap();

        app.parts.stop.trigger();

        assert_eq!(events.end().await, Chunk::Cut, "{query}");
        (&mut app.served).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn stream_whose_end_is_reached_ends_well_though_the_gateway_stops() {
    let app = App::start();
    let turn = app.said().await;
    app.finished(&turn, "hi").await;
    let target = format!("/v1/session/{}/events?until=final", turn.session_id);
    let mut events = Events::open(app.request("GET", &target)).await;
    while events.next().await.unwrap().event != "assistant.final" {}

    app.parts.stop.trigger();

    assert_eq!(events.end().await, Chunk::End);
}

#[tokio::test]
async fn sockets_are_closed_when_the_gateway_stops() {
    for query in ["", "?until=final"] {
        let mut app = App::start();
        let session = app.said().await.session_id;
        let mut socket = app.socket(&format!("/v1/session/{session}/stream{query}")).await;
        socket.text().await;

        app.parts.stop.trigger();

        assert_eq!(socket.closed().await, 1012, "{query}");
        drop(socket);
        (&mut app.served).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn idle_connections_do_not_keep_a_gateway_from_stopping() {
    let mut app = App::start();
    let kept = app.request("GET", "/healthz").open().await;

    app.parts.stop.trigger();

    (&mut app.served).await.unwrap().unwrap();
    assert_eq!(kept.head.status, 200);
}
