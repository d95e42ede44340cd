//! Following a session, and speaking in it, over a WebSocket.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse, rt};

use super::Endpoint;
use super::conversation::{Conversation, MAX_FRAME};
use super::stream::StreamOptions;
use crate::authenticate::Caller;
use crate::connection::{LastWords, Line};
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::heads::Heads;
use crate::openapi::{params, schema};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::at("/v1/session/{session_id}/stream").on(Method::GET, converse)]
}

/// Opens a WebSocket on a session: the events of `…/events` as text frames, each with its place as
/// `id`. The client may send `{"type": "message", …}` with the fields of `POST
/// /v1/session/message`, and `{"type": "cancel"}`; each is answered by a frame of the type
/// `accepted` or `error`. After `session.deleted` it is closed with the code 4404. A close is not the
/// end of an answer: wait for its terminal event, `assistant.final` or `turn.failed`, and come back
/// with the last id wherever the socket closes before.
#[utoipa::path(
    get, path = "/v1/session/{session_id}/stream", tag = "conversation",
    params(params::SessionPath, params::StreamQuery),
    responses(
        (status = 101, description = "Frames follow"),
        (status = 426, response = schema::Refused),
        schema::Refused,
    ),
)]
pub(crate) async fn converse(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let options = StreamOptions::of(&request)?;
    let frames = options.follow(&caller.0, &gateway).await?;
    let mut heads = Heads::new(payload.into_inner(), MAX_FRAME).into_payload();
    let payload = Payload::from_request(&request, &mut heads).await;
    let payload = payload.map_err(|_| Problem::internal())?;
    let (response, outgoing, incoming) = actix_ws::handle(&request, payload)
        .map_err(|error| Problem::websocket(error.to_string()))?;
    let incoming = incoming.max_frame_size(MAX_FRAME).aggregate_continuations();
    let conversation = Conversation {
        caller: caller.0,
        gateway: Arc::clone(&gateway),
        session: options.session,
        outgoing,
    };
    // It ends with its connection, which the server waits for.
    rt::spawn(conversation.run(frames, incoming.max_continuation_size(MAX_FRAME)));
    let line = request.conn_data::<Line>().cloned().unwrap_or_default();
    Ok(response.map_body(|_, body| LastWords::of(body, line)))
}
