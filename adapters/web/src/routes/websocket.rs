//! Following a session, and speaking in it, over a WebSocket.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};

use super::Endpoint;
use super::conversation::{Conversation, MAX_FRAME};
use super::stream::StreamOptions;
use crate::authenticate::Caller;
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::openapi::schema;

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
    params(schema::SessionPath, schema::StreamQuery),
    responses(
        (status = 101, description = "Frames follow"),
        (status = 426, body = schema::Problem, content_type = "application/problem+json",
            description = "The request is not for a WebSocket"),
        (status = "default", response = schema::Problem),
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
    Ok(response)
}
