//! What a refusal means, without the secret it may repeat.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::ModelRequest;

use super::request::Dialect;
use super::scrub::Scrub;

/// The most of an error's body that is read, in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// Codes and types of errors by which servers say that a prompt does not fit.
const TOO_LONG_CODES: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];
/// What servers write when a prompt does not fit.
const TOO_LONG_TEXTS: &[&str] =
    &["context length", "context window", "context size", "prompt is too long"];
/// What servers write when a model cannot ask for tools.
const NO_TOOLS_TEXTS: &[&str] =
    &["does not support tools", "does not support function", "tool use is not supported"];
/// What servers write when a model knows no role `system`.
const NO_SYSTEM_TEXTS: &[&str] = &[
    "system role not supported",
    "system role is not supported",
    "does not support system",
    "developer instruction is not enabled",
];
/// Codes and types of errors by which servers say that a filter refused.
const FILTER_CODES: &[&str] =
    &["content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"];
/// The longest wait a server may ask for, in seconds.
const LONGEST_WAIT: u64 = 24 * 3600;

/// A refusal, and the field it names.
pub(super) struct Refused {
    pub(super) failure: ModelFailure,
    status: StatusCode,
    text: String,
}

impl Refused {
    /// What is learned from it, if the server refused a part of the request that can be left out or
    /// said otherwise.
    pub(super) fn adapted(&self, dialect: Dialect, request: &ModelRequest) -> Option<Dialect> {
        let about_fields =
            matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        let lower = self.text.to_lowercase();
        let says = |known: &[&str]| known.iter().any(|known| lower.contains(known));
        let wanted = if says(&["stream_options"]) {
            Dialect::NO_STREAM_OPTIONS
        } else if says(&["max_completion_tokens"]) {
            Dialect::COMPLETION_TOKENS
        } else if says(&["parallel_tool_calls"]) {
            Dialect::NO_PARALLEL_FIELD
        } else if says(NO_SYSTEM_TEXTS) {
            Dialect::NO_SYSTEM_ROLE
        } else if !request.tools.is_empty() && says(NO_TOOLS_TEXTS) {
            Dialect::NO_TOOLS
        } else {
            return None;
        };
        (about_fields && !dialect.has(wanted)).then_some(wanted)
    }
}

/// Reads a refusal.
pub(super) async fn read(response: Response, scrub: Scrub<'_>, patience: Duration) -> Refused {
    let status = response.status();
    let wait = retry_after(response.headers());
    let reading = tokio::time::timeout(patience, bounded(response));
    let body = reading.await.unwrap_or_default();
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = error_text(&error).unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let failure = of(status, &error, &text, wait, scrub);
    Refused { failure, status, text }
}

/// What an error object in the middle of a stream means.
pub(super) fn in_stream(error: &Value, scrub: Scrub<'_>) -> ModelFailure {
    let wrapped = serde_json::json!({"error": error});
    let text = error_text(&wrapped).unwrap_or_default();
    let status = error.get("code").and_then(Value::as_u64);
    let status = status.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    of(status, &wrapped, &text, None, scrub)
}

/// Why nothing came back.
pub(super) fn unreachable(error: reqwest::Error) -> ModelFailure {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        return ModelFailure::Timeout;
    } else {
        "the connection broke"
    };
    let error = error.without_url();
    tracing::debug!(%error, "the language model cannot be reached");
    ModelFailure::Unavailable(what.into())
}

fn of(
    status: StatusCode,
    error: &Value,
    text: &str,
    retry_after_seconds: Option<u64>,
    scrub: Scrub<'_>,
) -> ModelFailure {
    let code = |field: &str| {
        error.pointer(&format!("/error/{field}")).and_then(Value::as_str).unwrap_or_default()
    };
    let codes = [code("code"), code("type")];
    let says = |known: &[&str]| codes.iter().any(|code| known.contains(code));
    let lower = text.to_lowercase();
    let about_size = status == StatusCode::BAD_REQUEST
        && TOO_LONG_TEXTS.iter().any(|known| lower.contains(known));
    let too_long = says(TOO_LONG_CODES) || about_size || status == StatusCode::PAYLOAD_TOO_LARGE;
    let filtered = says(FILTER_CODES);
    match status {
        _ if too_long => ModelFailure::TooLong,
        _ if filtered => ModelFailure::ContentFilter,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ModelFailure::Unauthorized,
        StatusCode::NOT_FOUND => ModelFailure::NotFound,
        StatusCode::TOO_MANY_REQUESTS => ModelFailure::RateLimited { retry_after_seconds },
        StatusCode::REQUEST_TIMEOUT => ModelFailure::Timeout,
        status if status.is_server_error() => {
            ModelFailure::Unavailable(format!("{}: {}", status.as_u16(), scrub.clean(text)))
        }
        status => ModelFailure::Refused(format!("{}: {}", status.as_u16(), scrub.clean(text))),
    }
}

fn error_text(error: &Value) -> Option<String> {
    let pointers = ["/error/message", "/message", "/detail", "/error"];
    pointers.iter().find_map(|at| error.pointer(at).and_then(Value::as_str)).map(str::to_owned)
}

/// Seconds, or an HTTP date, from `Retry-After`.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        if !seconds.is_finite() || seconds < 0.0 {
            return None;
        }
        let wait =
            Duration::try_from_secs_f64(seconds.ceil()).map_or(LONGEST_WAIT, |w| w.as_secs());
        return Some(wait.min(LONGEST_WAIT));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let date = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    let now = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let wait = u64::try_from(at.as_second() - now.as_second()).unwrap_or(0);
    Some(wait.min(LONGEST_WAIT))
}

async fn bounded(response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(Ok(bytes)) = stream.next().await {
        let room = LONGEST_BODY - body.len();
        body.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        if body.len() >= LONGEST_BODY {
            break;
        }
    }
    body
}
