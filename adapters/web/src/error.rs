//! Every refusal as a problem document (RFC 9457). The only file that makes them.

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, UPGRADE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};
use soma_core::flows::authenticate::NotAuthenticated;
use soma_core::flows::refusal::{FieldProblem, Refusal};
use soma_core::ports::PortError;

/// Requests that were refused, by `reason`: the type of the problem.
const REFUSED: &str = "gateway_requests_refused_total";
/// How long a client is asked to wait for a part that is not there.
const PAUSE: Duration = Duration::from_secs(1);

/// Says what each of the gateway's counters counts, to what collects them.
pub fn describe_metrics() {
    metrics::describe_counter!(REFUSED, "Requests that were refused, by the type of the problem");
}

/// A kind of problem. Its name is part of the interface: clients tell problems apart by it.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    status: StatusCode,
    title: &'static str,
}

/// Declares the kinds: `CONSTANT: "name", STATUS, "Title";`
macro_rules! kinds {
    ($($constant:ident: $name:literal, $status:ident, $title:literal;)+) => {
        $(const $constant: &Kind =
            &Kind { name: $name, status: StatusCode::$status, title: $title };)+
    };
}

kinds! {
    BAD_JSON: "invalid-json", BAD_REQUEST, "The body is not JSON";
    BROKEN_BODY: "broken-body", BAD_REQUEST, "The body did not arrive whole";
    UNAUTHENTICATED: "unauthenticated", UNAUTHORIZED, "Valid credentials are needed";
    OUT_OF_SCOPE: "out-of-scope", FORBIDDEN, "The credentials do not allow this";
    DENIED: "denied", FORBIDDEN, "Policy does not allow this";
    FOREIGN_HOST: "foreign-host", FORBIDDEN, "This gateway does not answer to that host name";
    FOREIGN_ORIGIN: "foreign-origin", FORBIDDEN, "Pages of that origin may not ask this gateway";
    NO_SESSION: "no-such-session", NOT_FOUND, "There is no such session";
    NO_TOOL: "no-such-tool", NOT_FOUND, "There is no such tool";
    NO_LETTER: "no-such-dead-letter", NOT_FOUND, "There is no such dead letter";
    NO_ROUTE: "no-such-route", NOT_FOUND, "There is nothing at this address";
    METHOD: "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here";
    SLOW_BODY: "slow-body", REQUEST_TIMEOUT, "The body took too long to arrive";
    BUSY: "session-busy", CONFLICT, "A turn of the session is running";
    KEY_REUSED: "key-reused", CONFLICT, "The idempotency key was used for another request";
    TOO_LARGE: "too-large", PAYLOAD_TOO_LARGE, "The request is too large";
    MEDIA_TYPE: "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    INVALID: "invalid-request", UNPROCESSABLE_ENTITY, "The request is invalid";
    NO_POSITION: "no-such-position", UNPROCESSABLE_ENTITY,
        "There is no such place in this session's stream";
    WEBSOCKET: "websocket-expected", UPGRADE_REQUIRED, "This address speaks WebSocket";
    TOO_MANY: "too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    INTERNAL: "internal", INTERNAL_SERVER_ERROR, "Something is broken";
    OVERLOADED: "overloaded", SERVICE_UNAVAILABLE, "Too much work is waiting";
    UNAVAILABLE: "unavailable", SERVICE_UNAVAILABLE, "A part that is needed is not available";
    NOT_READY: "not-ready", SERVICE_UNAVAILABLE, "Requests cannot be served now";
}

/// A refusal, as a client sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: &'static Kind,
    detail: Option<Box<str>>,
    fields: Vec<FieldProblem>,
    header: Option<(HeaderName, String)>,
    /// What is behind it: for the log, and never for a client.
    cause: Option<Box<str>>,
}

impl Problem {
    const fn new(kind: &'static Kind) -> Self {
        Self { kind, detail: None, fields: Vec::new(), header: None, cause: None }
    }

    fn because(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self { detail: Some(detail.into()), ..Self::new(kind) }
    }

    fn later(kind: &'static Kind, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { header: Some((RETRY_AFTER, seconds.max(1).to_string())), ..Self::new(kind) }
    }

    /// These fields are wrong.
    pub(crate) fn invalid(fields: Vec<FieldProblem>) -> Self {
        Self { fields, ..Self::new(INVALID) }
    }

    /// The body is no JSON object, or none that can be read.
    pub(crate) fn bad_json(detail: impl Into<String>) -> Self {
        Self::because(BAD_JSON, detail)
    }

    /// The body broke off.
    pub(crate) fn broken_body() -> Self {
        Self::new(BROKEN_BODY)
    }

    /// The body came too slowly.
    pub(crate) fn slow_body() -> Self {
        Self::new(SLOW_BODY)
    }

    /// The body is larger than it may be.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::because(TOO_LARGE, format!("the body may have {limit} bytes"))
    }

    /// The body is not declared to be JSON.
    pub(crate) fn not_json() -> Self {
        Self::because(MEDIA_TYPE, "Content-Type must be application/json")
    }

    /// The body is compressed, or encoded in another way.
    pub(crate) fn encoded() -> Self {
        let detail = "Content-Encoding must be identity: send the body as it is";
        let accepted = Some((ACCEPT_ENCODING, "identity".into()));
        Self { header: accepted, ..Self::because(MEDIA_TYPE, detail) }
    }

    /// The request is for another host.
    pub(crate) fn foreign_host() -> Self {
        Self::new(FOREIGN_HOST)
    }

    /// The request was made by a page of another origin.
    pub(crate) fn foreign_origin() -> Self {
        Self::new(FOREIGN_ORIGIN)
    }

    /// Nothing is served at this address.
    pub(crate) fn no_route() -> Self {
        Self::new(NO_ROUTE)
    }

    /// Something is served at this address, but by these methods. Where GET is, HEAD is too.
    pub(crate) fn method(allowed: &[Method]) -> Self {
        let head = allowed.contains(&Method::GET).then_some(&Method::HEAD);
        let allowed: Vec<_> = allowed.iter().chain(head).map(Method::as_str).collect();
        Self { header: Some((ALLOW, allowed.join(", "))), ..Self::new(METHOD) }
    }

    /// A request for a WebSocket that is none.
    pub(crate) fn websocket(detail: impl Into<String>) -> Self {
        Self { header: Some((UPGRADE, "websocket".into())), ..Self::because(WEBSOCKET, detail) }
    }

    /// The gateway cannot serve now, and why.
    pub(crate) fn not_ready(why: String) -> Self {
        Self { detail: Some(why.into()), ..Self::later(NOT_READY, PAUSE) }
    }

    /// A bug.
    pub(crate) fn internal() -> Self {
        Self::new(INTERNAL)
    }

    /// Tells the operator of it: one line of the log, and a counter by its type.
    pub(crate) fn tell(&self, method: &str, path: &str) {
        let Kind { name: reason, status, .. } = *self.kind;
        let (status, cause) = (status.as_u16(), self.cause.as_deref().or(self.detail.as_deref()));
        let fields: Vec<_> = self.fields.iter().map(|it| it.field.as_str()).collect();
        let fields = fields.join(",");
        match status {
            500 => tracing::error!(reason, status, method, path, cause, "a request is refused"),
            503 => tracing::warn!(reason, status, method, path, cause, "a request is refused"),
            _ => {
                tracing::info!(reason, status, method, path, cause, fields, "a request is refused");
            }
        }
        metrics::counter!(REFUSED, "reason" => reason).increment(1);
    }

    /// The problem document.
    pub(crate) fn document(&self) -> Value {
        let Kind { name, status, title } = self.kind;
        let mut document = json!({
            "type": format!("/problems/{name}"),
            "title": title,
            "status": status.as_u16(),
        });
        if let Some(detail) = &self.detail {
            document["detail"] = json!(detail);
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter();
            let fields = fields.map(|it| json!({"field": it.field, "problem": it.problem}));
            document["errors"] = fields.collect();
        }
        document
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(fields) => Self::invalid(fields),
            Refusal::TooLarge { field, limit } => {
                let problem = format!("must have at most {limit} bytes");
                let fields = vec![FieldProblem { field: field.into(), problem }];
                Self { fields, ..Self::new(TOO_LARGE) }
            }
            Refusal::NoSession => Self::new(NO_SESSION),
            Refusal::NoTool => Self::new(NO_TOOL),
            Refusal::NoLetter => Self::new(NO_LETTER),
            Refusal::Busy => Self::new(BUSY),
            Refusal::KeyReused => Self::new(KEY_REUSED),
            Refusal::NoSuchPosition => Self::new(NO_POSITION),
            Refusal::Denied(reason) => Self::because(DENIED, reason),
            Refusal::TooMany(wait) => Self::later(TOO_MANY, wait),
            Refusal::Overloaded(wait) => Self::later(OVERLOADED, wait),
            Refusal::Port(error) => Self::from(error),
        }
    }
}

impl From<NotAuthenticated> for Problem {
    fn from(refused: NotAuthenticated) -> Self {
        match refused {
            NotAuthenticated::Unknown => Self::new(UNAUTHENTICATED),
            NotAuthenticated::Forbidden => Self::new(OUT_OF_SCOPE),
            NotAuthenticated::CannotTell(error) => {
                let cause = Some(error.to_string().into());
                Self { cause, ..Self::later(UNAVAILABLE, PAUSE) }
            }
        }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        let problem =
            if error.is_transient() { Self::later(UNAVAILABLE, PAUSE) } else { Self::internal() };
        Self { cause: Some(error.to_string().into()), ..problem }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.kind.status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.body(self.document().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(source: &'static str) -> PortError {
        PortError::Broken { what: "reading", source: source.into() }
    }

    #[test]
    fn source_of_a_failure_is_not_told() {
        let problem = Problem::from(Refusal::Port(port("password=hunter2")));

        assert_eq!(problem.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.document().to_string().contains("hunter2"));
    }

    #[test]
    fn wait_is_told_in_whole_seconds_and_never_none() {
        let retry = |wait| Problem::from(Refusal::TooMany(wait)).header.map(|(_, value)| value);

        assert_eq!(retry(Duration::from_millis(1)).as_deref(), Some("1"));
        assert_eq!(retry(Duration::from_millis(2_001)).as_deref(), Some("3"));
        assert_eq!(retry(Duration::ZERO).as_deref(), Some("1"));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = |field: &str| FieldProblem { field: field.into(), problem: "is wrong".into() };
        let problem = Problem::from(Refusal::Invalid(vec![wrong("a"), wrong("b")]));

        assert_eq!(
            problem.document()["errors"],
            json!([{"field": "a", "problem": "is wrong"}, {"field": "b", "problem": "is wrong"}])
        );
    }
}
