//! Following a session by server-sent events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt, once, unfold};
use soma_core::flows::follow_session::Frames;
use soma_core::ports::Timer;

use super::Endpoint;
use super::stream::StreamOptions;
use crate::authenticate::Caller;
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::openapi::schema;
use crate::shared::{Encoder, SharedFrames};
use crate::sse::{BEGINNING, HEARTBEAT};

/// How long a stream may be silent. Proxies cut what is silent for longer than 15 s or so; and of a client
/// that left only the second heartbeat tells, which fails.
const SILENCE: Duration = Duration::from_secs(4);
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::at("/v1/session/{session_id}/events").on(Method::GET, follow_session)]
}

/// Streams a session as server-sent events, from where the client left off. The id of each event
/// is the place to come back to, also in the middle of an answer.
#[utoipa::path(
    get, path = "/v1/session/{session_id}/events", tag = "conversation",
    params(
        schema::SessionPath, schema::StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, and wins over it"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = String,
            description = "`event:` is the type; `data:` is an event or a piece of the answer. \
                `session.deleted` is the last one of a session that was deleted"),
        (status = "default", response = schema::Problem),
    ),
)]
pub(crate) async fn follow_session(
    caller: Caller,
    gateway: Data<Gateway>,
    shared: Data<SharedFrames>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let options = StreamOptions::of(&request)?;
    let frames = options.follow(&caller.0, &gateway).await?;
    let body = events(frames, shared.encoder(options.session), Arc::clone(&gateway.timer));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((BUFFERING, "no"))
        .streaming(once(async { Ok(BEGINNING) }).chain(body)))
}

/// The frames as events, with a heartbeat wherever they are silent. A frame that fails cuts the
/// connection: a client that waits for the end must not take this for it.
fn events(
    frames: Frames,
    encoder: Encoder,
    timer: Arc<dyn Timer>,
) -> impl Stream<Item = io::Result<Bytes>> {
    unfold((frames, encoder, timer), |(mut frames, encoder, timer)| async move {
        let next = match select(frames.next(), timer.sleep(SILENCE)).await {
            Either::Left((frame, _)) => {
                let bytes = match frame? {
                    Ok(frame) => encoder.encode(&frame).map_err(io::Error::other),
                    Err(error) => Err(io::Error::other(error)),
                };
                if let Err(error) = &bytes {
                    let session = encoder.session();
                    tracing::warn!(%error, %session, "a stream breaks off");
                }
                bytes
            }
            Either::Right(_) => Ok(HEARTBEAT),
        };
        Some((next, (frames, encoder, timer)))
    })
}
