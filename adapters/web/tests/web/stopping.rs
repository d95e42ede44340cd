//! Stopping: streams end, requests finish, and the server with them.

use crate::app::App;
use crate::frames::Events;

#[tokio::test]
async fn event_streams_end_when_the_gateway_stops() {
    let mut app = App::start();
    let session = app.said().await.session_id;
    let request = app.request("GET", &format!("/v1/session/{session}/events"));
    let mut events = Events::open(request).await;
    events.next().await.unwrap();

    app.parts.stop.trigger();

    assert_eq!(events.next().await, None);
    (&mut app.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn sockets_are_closed_when_the_gateway_stops() {
    let mut app = App::start();
    let session = app.said().await.session_id;
    let mut socket = app.socket(&format!("/v1/session/{session}/stream")).await;
    socket.text().await;

    app.parts.stop.trigger();

    assert_eq!(socket.closed().await, 1012);
    drop(socket);
    (&mut app.served).await.unwrap().unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_keep_a_gateway_from_stopping() {
    let mut app = App::start();
    let kept = app.request("GET", "/healthz").open().await;

    app.parts.stop.trigger();

    (&mut app.served).await.unwrap().unwrap();
    assert_eq!(kept.head.status, 200);
}
