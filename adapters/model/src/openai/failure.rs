//! What a refusal means, without the secret it may repeat.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::model::ModelRequest;

use super::request::Dialect;
use super::scrub::Scrub;
use super::wire::whole_number;

/// The most of an error's body that is read, in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// Codes and types of errors by which servers say that a prompt does not fit.
const TOO_LONG_CODES: &[&str] =
    &["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded", "1261"];
/// What servers write when a prompt does not fit: OpenAI, Azure, vLLM and `SGLang`; llama.cpp; Ollama;
/// Anthropic; Mistral; Gemini; Groq; TGI; Moonshot; Perplexity; Cohere; Z.ai.
const TOO_LONG_TEXTS: &[&str] = &[
    "context length",
    "context window",
    "context size",
    "context_length",
    "contextwindowexceeded",
    "context limit",
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "input token count",
    "input length",
    "too large for model with",
    "please reduce the length of the messages",
    "must have less than",
    "`inputs` tokens",
    "exceeded model token limit",
    "maximum number of tokens",
    "maximum token limit",
    "total number of tokens",
    "prompt exceeds",
];
/// Codes and types of errors by which servers say that their own limit of requests is reached.
const RATE_CODES: &[&str] = &["rate_limit_exceeded", "rate_limit_error", "tokens"];
/// Codes and types of errors of an account that has nothing left: asking again does not help.
const QUOTA_CODES: &[&str] =
    &["insufficient_quota", "billing_hard_limit_reached", "insufficient_credits"];
/// What servers write when a model cannot ask for tools.
const NO_TOOLS_TEXTS: &[&str] = &[
    "does not support tools",
    "does not support function",
    "does not support tool",
    "tool use is not supported",
    "tool calling is not supported",
    "tools are not supported",
    "auto\" tool choice requires",
    "no endpoints found that support tool use",
];
/// What servers write when a model knows no role `system`.
const NO_SYSTEM_TEXTS: &[&str] = &[
    "system role not supported",
    "system role is not supported",
    "does not support system",
    "developer instruction is not enabled",
];
/// What servers write when a model's temperature cannot be chosen.
const UNSUPPORTED_TEXTS: &[&str] =
    &["not support", "unsupported", "only the default", "deprecated", "not allowed"];
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
        let about_fields = self.status.is_client_error()
            && !matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
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
        } else if says(&["temperature"]) && says(UNSUPPORTED_TEXTS) {
            Dialect::NO_TEMPERATURE
        } else {
            return None;
        };
        (about_fields && !dialect.has(wanted)).then_some(wanted)
    }
}

/// Reads a refusal.
pub(super) async fn read(response: Response, scrub: Scrub<'_>, patience: Duration) -> Refused {
    let (status, headers) = (response.status(), response.headers());
    if status.is_redirection() {
        return moved(status, headers, scrub);
    }
    let advice = Advice {
        retry_after_seconds: retry_after(headers),
        again: match headers.get("x-should-retry").map(HeaderValue::as_bytes) {
            Some(b"true") => Some(true),
            Some(b"false") => Some(false),
            _ => None,
        },
    };
    let reading = tokio::time::timeout(patience, bounded(response));
    let body = reading.await.unwrap_or_default();
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = Told::of(&error);
    let text = told.text.clone();
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let failure = of(status, &told, &text, advice, scrub);
    Refused { failure, status, text }
}

/// A server that has moved is not followed: the key is for the address that was given.
fn moved(status: StatusCode, headers: &HeaderMap, scrub: Scrub<'_>) -> Refused {
    let target = headers.get(LOCATION).and_then(|target| target.to_str().ok()).unwrap_or("nowhere");
    let what = format!("{}: the address has moved to {target}", status.as_u16());
    let failure = ModelFailure::Refused(scrub.clean(&what));
    Refused { failure, status, text: String::new() }
}

/// What an error in the place of an answer, or in the middle of one, means.
pub(super) fn in_answer(error: &Value, scrub: Scrub<'_>) -> ModelFailure {
    let told = Told::of(error);
    let text = told.text.clone().unwrap_or_else(|| error.to_string());
    let status = told.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    of(status, &told, &text, Advice::default(), scrub)
}

/// What the headers of a refusal say of asking again.
#[derive(Clone, Copy, Debug, Default)]
struct Advice {
    retry_after_seconds: Option<u64>,
    again: Option<bool>,
}

/// What an error says of itself, however it is written.
#[derive(Debug, Default)]
struct Told {
    text: Option<String>,
    /// Its codes and types.
    codes: Vec<String>,
    /// A code that is a status of HTTP.
    status: Option<StatusCode>,
}

impl Told {
    fn of(error: &Value) -> Self {
        let mut told = Self::default();
        told.read(error);
        told
    }

    fn read(&mut self, error: &Value) {
        match error {
            Value::String(text) => {
                self.text.get_or_insert_with(|| text.clone());
            }
            Value::Array(all) => all.iter().take(1).for_each(|first| self.read(first)),
            Value::Object(fields) => {
                for name in ["code", "type", "status", "status_code", "error_code"] {
                    if let Some(code) = fields.get(name) {
                        self.code(code);
                    }
                }
                for name in ["error", "message", "msg", "detail", "errors"] {
                    if let Some(inner) = fields.get(name) {
                        self.read(inner);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn code(&mut self, code: &Value) {
        if let Some(number) = whole_number(code) {
            let status = u16::try_from(number).ok().filter(|status| (400..600).contains(status));
            self.status = self.status.or(status.and_then(|code| StatusCode::from_u16(code).ok()));
            self.codes.push(number.to_string());
        } else if let Some(text) = code.as_str() {
            self.codes.push(text.to_owned());
        }
    }

    fn says(&self, known: &[&str]) -> bool {
        self.codes.iter().any(|code| known.iter().any(|known| code.eq_ignore_ascii_case(known)))
    }
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
    told: &Told,
    text: &str,
    advice: Advice,
    scrub: Scrub<'_>,
) -> ModelFailure {
    let said = || format!("{}: {}", status.as_u16(), scrub.clean(text));
    let lower = text.to_lowercase();
    let about_size = !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
        && TOO_LONG_TEXTS.iter().any(|known| lower.contains(known));
    if told.says(TOO_LONG_CODES) || about_size {
        return ModelFailure::TooLong;
    }
    if told.says(FILTER_CODES) {
        return ModelFailure::ContentFilter;
    }
    if told.says(QUOTA_CODES) {
        return ModelFailure::Refused(format!("nothing is left of its quota: {}", said()));
    }
    let retry_after_seconds = advice.retry_after_seconds;
    let limited = ModelFailure::RateLimited { retry_after_seconds };
    match (status, advice.again) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => ModelFailure::Unauthorized,
        (StatusCode::NOT_FOUND, _) => ModelFailure::NotFound,
        (_, Some(false)) => ModelFailure::Refused(said()),
        (StatusCode::TOO_MANY_REQUESTS, _) => limited,
        (StatusCode::PAYLOAD_TOO_LARGE, _) if told.says(RATE_CODES) => limited,
        (StatusCode::PAYLOAD_TOO_LARGE, _) => ModelFailure::TooLong,
        (StatusCode::REQUEST_TIMEOUT, _) => ModelFailure::Timeout,
        // It says when it wants to be asked again: it is busy.
        (status, _) if status.is_server_error() && retry_after_seconds.is_some() => limited,
        (StatusCode::CONFLICT | StatusCode::TOO_EARLY, _) | (_, Some(true)) => {
            ModelFailure::Unavailable(said())
        }
        (status, None) if status.is_server_error() => ModelFailure::Unavailable(said()),
        (_, None) => ModelFailure::Refused(said()),
    }
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
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let now = date.map_or_else(now, |date| date.timestamp());
    let wait = u64::try_from(at.as_second() - now.as_second()).unwrap_or(0);
    Some(wait.min(LONGEST_WAIT))
}

#[expect(clippy::disallowed_methods, reason = "a date of another machine is told by the time here")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
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
