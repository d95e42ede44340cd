//! Accepting messages.

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use soma_core::flows::refusal::Refusal;
use soma_core::flows::submit_message::{NewMessage, WhenBusy};

use super::Endpoint;
use crate::authenticate::Caller;
use crate::body::Body;
use crate::error::Problem;
use crate::fields::Fields;
use crate::gateway::Gateway;
use crate::openapi::{params, schema};
use crate::trace::Accepting;

const KEY: &str = "Idempotency-Key";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::at("/v1/session/message").on(Method::POST, submit_message)]
}

/// Accepts a message. Once this answers it is durable, and will be answered exactly once.
#[utoipa::path(
    post, path = "/v1/session/message", tag = "conversation",
    params(params::IdempotencyKey),
    request_body = schema::Message,
    responses(
        (status = 202, body = schema::Receipt, description = "Accepted; the answer streams"),
        (status = 409, response = schema::Refused),
        schema::Refused,
    ),
)]
pub(crate) async fn submit_message(
    caller: Caller,
    gateway: Data<Gateway>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let mut message = read(body.0)?;
    message.idempotency_key = key(request.headers())?;
    let accepting = Accepting::begin("POST", "/v1/session/message", request.headers());
    message.trace = accepting.trace();
    let receipt = accepting.run(gateway.submit_message.run(&caller.0, message)).await?;
    Ok(HttpResponse::Accepted().json(receipt))
}

/// Reads a message from the fields of a body or of a WebSocket frame.
pub(super) fn read(mut fields: Fields) -> Result<NewMessage, Problem> {
    let message = NewMessage {
        session_id: fields.optional("session_id"),
        persona_id: fields.optional("persona_id"),
        message: fields.required("message").unwrap_or_default(),
        attachments: fields.given("attachments").unwrap_or_default(),
        metadata: fields.given("metadata").unwrap_or_default(),
        when_busy: fields.optional("when_busy").map_or(WhenBusy::default(), Busy::into),
        idempotency_key: None,
        trace: None,
    };
    fields.finish()?;
    Ok(message)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key) => Ok(Some(key.to_owned())),
        Err(_) => Err(Refusal::invalid(KEY, "must be visible ASCII characters").into()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Busy {
    Enqueue,
    Reject,
    Interrupt,
}

impl From<Busy> for WhenBusy {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Enqueue => Self::Enqueue,
            Busy::Reject => Self::Reject,
            Busy::Interrupt => Self::Interrupt,
        }
    }
}
