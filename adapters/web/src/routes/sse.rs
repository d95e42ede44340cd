//! Following a session by server-sent events.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::{io, mem};

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::http::{Method, Version};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::future::{Either, FutureExt, select};
use futures_util::stream::{Peekable, Stream, StreamExt, once, unfold};
use soma_core::flows::follow_session::{Frames, Interrupted, Until};
use soma_core::ports::Timer;
use soma_core::stream::resume::Frame;

use super::Endpoint;
use super::stream::StreamOptions;
use crate::authenticate::Caller;
use crate::error::Problem;
use crate::gateway::Gateway;
use crate::openapi::{params, schema};
use crate::shared::{Encoder, SharedFrames};
use crate::sse::{BEGINNING, HEARTBEAT, first};

/// How long a stream may be silent. Proxies cut what is silent for longer than 15 s or so; and of a client
/// that left only the second heartbeat tells, which fails.
const SILENCE: Duration = Duration::from_secs(4);
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::at("/v1/session/{session_id}/events").on(Method::GET, follow_session)]
}

/// Streams a session as server-sent events, from where the client left off. The id of each event
/// is the place to come back to, also in the middle of an answer. The end of the stream is not the
/// end of an answer: wait for its terminal event, `assistant.final` or `turn.failed`, and come back
/// with the last id wherever the stream ends before.
#[utoipa::path(
    get, path = "/v1/session/{session_id}/events", tag = "conversation",
    params(params::SessionPath, params::StreamQuery, params::LastEventId),
    responses(
        (status = 200, content_type = "text/event-stream", body = String,
            description = "`event:` is the type; `data:` is an event or a piece of the answer. \
                `session.deleted` is the last one of a session that was deleted"),
        (status = 204, description = "With `until=final`: everything was seen, so do not come back"),
        schema::Refused,
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
    let mut frames = Box::pin(frames.peekable());
    // A browser comes back after every end, but not after this.
    let over = matches!(frames.as_mut().peek().now_or_never(), Some(None));
    if over && options.until == Until::Final {
        return Ok(HttpResponse::NoContent().finish());
    }
    let encoder = shared.encoder(options.session);
    let following = Following { frames, encoder, timer: Arc::clone(&gateway.timer), begun: false };
    let mut response = HttpResponse::Ok();
    if request.version() < Version::HTTP_11 {
        response.force_close();
    }
    let mut response = response
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((BUFFERING, "no"))
        .streaming(once(async { Ok(BEGINNING) }).chain(following.events()));
    response.head_mut().no_chunking(request.version() < Version::HTTP_11);
    Ok(response)
}

/// One client's stream.
struct Following {
    frames: Pin<Box<Peekable<Frames>>>,
    encoder: Encoder,
    timer: Arc<dyn Timer>,
    begun: bool,
}

impl Following {
    /// The frames as events, with a heartbeat wherever they are silent. A frame that fails cuts the
    /// connection: a client that waits for the end must not take this for it.
    fn events(self) -> impl Stream<Item = io::Result<Bytes>> {
        unfold(self, |mut following| async move {
            let silence = following.timer.sleep(SILENCE);
            let next = match select(following.frames.next(), silence).await {
                Either::Left((frame, _)) => Some(frame?),
                Either::Right(_) => None,
            };
            let bytes = next.map_or(Ok(HEARTBEAT), |frame| following.encode(frame));
            Some((bytes, following))
        })
    }

    fn encode(&mut self, frame: Result<Frame, Interrupted>) -> io::Result<Bytes> {
        let stopping = matches!(frame, Err(Interrupted::Stopping));
        let encoded = frame.map_err(io::Error::other).and_then(|frame| {
            let event = self.encoder.encode(&frame).map_err(io::Error::other)?;
            let begun = mem::replace(&mut self.begun, true);
            Ok(if begun { event } else { first(&event) })
        });
        if let Err(error) = &encoded
            && !stopping
        {
            let session = self.encoder.session();
            tracing::warn!(%error, %session, "a stream breaks off");
        }
        encoded
    }
}
