//! One client's WebSocket: what it says is done and answered, and what happens is sent to it.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, ProtocolError,
};
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use futures_util::stream::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use soma_core::flows::follow_session::{Frames, Interrupted};
use soma_core::flows::refusal::Refusal;
use soma_core::identity::Principal;
use soma_core::ids::SessionId;
use soma_core::stream::resume::{Frame, FrameBody};

use super::message;
use super::sessions::Turns;
use crate::body::MAX_BODY;
use crate::error::Problem;
use crate::fields::Fields;
use crate::frame::Wire;
use crate::gateway::Gateway;
use crate::trace::Accepting;

/// The most bytes of a frame, or of one that comes in parts.
pub(super) const MAX_FRAME: usize = MAX_BODY;
/// The code by which a client is told that the session was deleted: 404, of the private codes.
const DELETED: CloseCode = CloseCode::Other(4404);
/// How often a client is pinged; one that says nothing for [`MISSED`] times as long is gone, and so
/// is one that takes as long to read a frame.
const PING: Duration = Duration::from_secs(20);
const MISSED: u32 = 3;

/// One client's WebSocket.
pub(super) struct Conversation {
    pub(super) caller: Principal,
    pub(super) gateway: Arc<Gateway>,
    pub(super) session: SessionId,
    pub(super) outgoing: actix_ws::Session,
}

/// A frame with the place to come back to.
#[derive(Serialize)]
struct Placed<'a> {
    id: String,
    #[serde(flatten)]
    wire: Wire<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Message,
    Cancel,
}

/// Why a conversation ends.
enum End {
    /// The client closed, or cannot be reached.
    Gone,
    /// The client is told why.
    Said(CloseCode, &'static str),
}

impl From<Closed> for End {
    fn from(_: Closed) -> Self {
        Self::Gone
    }
}

impl Conversation {
    /// Speaks until one side ends it.
    pub(super) async fn run(mut self, mut frames: Frames, mut incoming: AggregatedMessageStream) {
        let mut silent = 0;
        let mut ping = self.after_a_while();
        let end = loop {
            let happened = match select(incoming.next(), select(frames.next(), &mut ping)).await {
                Either::Left((said, _)) => {
                    silent = 0;
                    self.hear(said).await
                }
                Either::Right((Either::Left((frame, _)), _)) => self.show(frame).await,
                Either::Right((Either::Right(((), _)), _)) => {
                    silent += 1;
                    ping = self.after_a_while();
                    self.ping(silent).await
                }
            };
            if let Err(end) = happened {
                break end;
            }
        };
        if let End::Said(code, why) = end {
            let reason = CloseReason { code, description: Some(why.into()) };
            // A client that is gone already needs no reason.
            self.outgoing.close(Some(reason)).await.ok();
        }
    }

    fn after_a_while(&self) -> LocalBoxFuture<'static, ()> {
        let timer = Arc::clone(&self.gateway.timer);
        async move { timer.sleep(PING).await }.boxed_local()
    }

    async fn hear(
        &mut self,
        said: Option<Result<AggregatedMessage, ProtocolError>>,
    ) -> Result<(), End> {
        match said.ok_or(End::Gone)?.map_err(|error| broken(&error))? {
            AggregatedMessage::Text(text) => {
                let answer = self.answer(&text).await;
                let answer = answer.unwrap_or_else(|problem| self.refuse(&problem));
                self.say(answer.to_string()).await
            }
            AggregatedMessage::Binary(_) => {
                let problem = Problem::bad_json("a frame must be text");
                let answer = self.refuse(&problem);
                self.say(answer.to_string()).await
            }
            AggregatedMessage::Ping(bytes) => Ok(self.outgoing.pong(&bytes).await?),
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(_) => Err(End::Said(CloseCode::Normal, "")),
        }
    }

    /// Tells the operator of a frame that is refused. Returns what the client is told.
    fn refuse(&self, problem: &Problem) -> Value {
        problem.tell("FRAME", &format!("/v1/session/{}/stream", self.session));
        json!({"type": "error", "problem": problem.document()})
    }

    /// Does what the client asks for.
    async fn answer(&self, text: &str) -> Result<Value, Problem> {
        let mut fields = Fields::of_json(text)?;
        match fields.required("type") {
            Some(Request::Message) => self.submit(fields).await,
            Some(Request::Cancel) => {
                let turns = fields.optional::<Turns>("turns").unwrap_or_default();
                fields.finish()?;
                turns.cancel(&self.gateway, &self.caller, self.session).await?;
                Ok(json!({"type": "accepted", "request": "cancel", "session_id": self.session}))
            }
            None => Err(fields.check().err().unwrap_or_else(Problem::internal)),
        }
    }

    async fn submit(&self, mut fields: Fields) -> Result<Value, Problem> {
        let idempotency_key = fields.optional("idempotency_key");
        let mut message = message::read(fields)?;
        if message.session_id.is_some_and(|session| session != self.session) {
            return Err(Refusal::invalid("session_id", "is not the session of this stream").into());
        }
        message.session_id = Some(self.session);
        message.idempotency_key = idempotency_key;
        let accepting = Accepting::begin("GET", "/v1/session/{id}/stream", &HeaderMap::new());
        message.trace = accepting.trace();
        let submit = self.gateway.submit_message.run(&self.caller, message);
        let receipt = accepting.run(submit).await?;
        Ok(json!({
            "type": "accepted",
            "request": "message",
            "session_id": receipt.session_id,
            "event_id": receipt.event_id,
            "turn_id": receipt.turn_id,
        }))
    }

    async fn show(&mut self, frame: Option<Result<Frame, Interrupted>>) -> Result<(), End> {
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(Interrupted::Stopping)) => {
                return Err(End::Said(CloseCode::Restart, "the gateway stops"));
            }
            Some(Err(Interrupted::Port(error))) => {
                tracing::warn!(%error, session = %self.session, "a stream breaks off");
                return Err(End::Said(CloseCode::Again, "come back with the last id"));
            }
            None => return Err(End::Said(CloseCode::Normal, "")),
        };
        let wire = Wire::of(&frame, self.session);
        let text = serde_json::to_string(&Placed { id: frame.cursor.to_string(), wire });
        self.say(text.map_err(|_| End::Said(CloseCode::Error, "internal"))?).await?;
        if frame.body == FrameBody::Deleted {
            return Err(End::Said(DELETED, "the session was deleted"));
        }
        Ok(())
    }

    async fn ping(&mut self, silent: u32) -> Result<(), End> {
        if silent >= MISSED {
            return Err(End::Said(CloseCode::Policy, "nothing was heard for too long"));
        }
        Ok(self.outgoing.ping(b"").await?)
    }

    async fn say(&mut self, text: String) -> Result<(), End> {
        let timer = Arc::clone(&self.gateway.timer);
        let said = std::pin::pin!(self.outgoing.text(text));
        match select(said, timer.sleep(PING * MISSED)).await {
            Either::Left((said, _)) => Ok(said?),
            Either::Right(_) => Err(End::Gone),
        }
    }
}

/// What a client did that ends its connection.
fn broken(error: &ProtocolError) -> End {
    match error {
        ProtocolError::Overflow => End::Said(CloseCode::Size, "the frame is too large"),
        ProtocolError::Io(error) if is_no_text(error) => {
            End::Said(CloseCode::Invalid, "the frame is not UTF-8")
        }
        ProtocolError::Io(error) if error.kind() == ErrorKind::InvalidData => {
            End::Said(CloseCode::Protocol, "protocol")
        }
        // Also what is too large in parts; where the connection failed, nobody reads this.
        ProtocolError::Io(_) => End::Said(CloseCode::Size, "the message is too large"),
        ProtocolError::UnmaskedFrame
        | ProtocolError::MaskedFrame
        | ProtocolError::InvalidOpcode(_)
        | ProtocolError::InvalidLength(_)
        | ProtocolError::BadOpCode
        | ProtocolError::ContinuationNotStarted
        | ProtocolError::ContinuationStarted
        | ProtocolError::ContinuationFragment(_) => End::Said(CloseCode::Protocol, "protocol"),
    }
}

fn is_no_text(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Utf8Error>)
}
