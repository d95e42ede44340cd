//! Why the server did not do what it was asked, and what may be concluded.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use soma_core::ports::PortError;

/// The most of what a server says that is told on, in characters.
const LONGEST: usize = 200;

/// What the first generations always say of `/memory/remember`.
const NEVER_THERE: &str = "memory pool unavailable";

/// What went wrong, by what is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is left alone for now, and was not asked.
    LeftAlone,
    /// There was no connection: it was not asked.
    Away,
    /// It was asked, and there is no answer that can be read.
    Lost,
    /// It says that it failed.
    Failed,
    /// It wants to be asked less.
    Busy,
    /// It does not take the token, or its policy forbids. Someone must look.
    Denied,
    /// It knows neither address nor form: another generation answers than was thought.
    Foreign,
    /// It will never take what was sent.
    Rejected,
    /// It said that something is stored, and it is not found.
    NotStored,
}

impl Kind {
    /// Whether it tells that something is wrong with the server, not with what was asked.
    pub(crate) const fn counts(self) -> bool {
        matches!(self, Self::Away | Self::Lost | Self::Failed)
    }

    const fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::Denied,
            404 | 405 => Self::Foreign,
            408 | 425 | 500.. => Self::Failed,
            429 => Self::Busy,
            _ => Self::Rejected,
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SomaBrain: {what}")]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    what: String,
    /// For how long it asked not to be asked.
    pub(crate) wait: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), wait: None }
    }

    /// What an answer with this status means.
    pub(crate) fn answered(status: StatusCode, body: &[u8], wait: Option<Duration>) -> Self {
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let about_form = status == StatusCode::UNPROCESSABLE_ENTITY
            && body.as_ref().is_some_and(is_about_transport);
        let said = body.as_ref().map(said).unwrap_or_default();
        let foreign = about_form || said.contains(NEVER_THERE);
        let kind = if foreign { Kind::Foreign } else { Kind::of(status) };
        Self { kind, what: format!("{}: {said}", status.as_u16()), wait }
    }

    /// What an error inside an answer of 200 means.
    pub(crate) fn inside(body: &Value) -> Self {
        Self::new(Kind::Failed, format!("200 with an error inside: {}", said(body)))
    }

    /// Why nothing came back.
    pub(crate) fn of_sending(error: reqwest::Error) -> Self {
        let (kind, what) = if error.is_connect() {
            (Kind::Away, "no connection")
        } else {
            (Kind::Lost, "the connection broke")
        };
        Self::new(kind, format!("{what}: {}", error.without_url()))
    }

    /// It as the answer to a question.
    pub(crate) fn of_read(self) -> PortError {
        match self.kind {
            Kind::Rejected => PortError::Broken { what: "recalling", source: self.into() },
            Kind::LeftAlone
            | Kind::Away
            | Kind::Lost
            | Kind::Failed
            | Kind::Busy
            | Kind::Denied
            | Kind::Foreign
            | Kind::NotStored => PortError::Unavailable(self.into()),
        }
    }

    /// It as the answer to an order.
    pub(crate) fn of_write(self) -> PortError {
        match self.kind {
            Kind::Lost | Kind::Failed | Kind::NotStored => PortError::Ambiguous(self.into()),
            Kind::Rejected => PortError::Broken { what: "remembering", source: self.into() },
            Kind::LeftAlone | Kind::Away | Kind::Busy | Kind::Denied | Kind::Foreign => {
                PortError::Unavailable(self.into())
            }
        }
    }
}

/// Whether a list of mistakes is about how a request is sent (in the query or as a body), not about
/// what is in it.
fn is_about_transport(body: &Value) -> bool {
    let mistakes = body["detail"].as_array().into_iter().flatten();
    let places = mistakes.filter_map(|mistake| mistake["loc"].as_array());
    let form = |place: &Vec<Value>| {
        let place: Vec<&str> = place.iter().filter_map(Value::as_str).collect();
        matches!(place.as_slice(), ["query", ..] | ["body"] | ["body", "payload"])
    };
    places.into_iter().any(form)
}

/// What the server says of an error, in any of its forms; never what it was sent.
fn said(body: &Value) -> String {
    let text = ["detail", "error", "message", "msg"].iter().find_map(|name| match &body[*name] {
        Value::String(text) => Some(text.clone()),
        Value::Object(_) => Some(said(&body[*name])),
        Value::Array(mistakes) => {
            let each = mistakes.iter().map(|one| format!("{} at {}", said(one), one["loc"]));
            Some(each.collect::<Vec<_>>().join("; "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    });
    text.unwrap_or_default().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: u16, body: &Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::answered(status, body.to_string().as_bytes(), None)
    }

    #[test]
    fn every_form_of_an_error_is_told_without_what_was_sent() {
        for (body, text) in [
            (json!({"detail": "store failed"}), "store failed"),
            (json!({"detail": {"message": "away", "breaker_open": true}}), "away"),
            (json!({"error": "Cognitive processing error", "request_id": "1"}), "Cognitive"),
            (
                json!({"detail": [{"msg": "too long", "loc": ["body", "key"], "input": "secret"}]}),
                "too long at [\"body\",\"key\"]",
            ),
        ] {
            let told = answered(500, &body).to_string();

            assert!(told.contains(text) && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn mistakes_about_the_form_are_of_another_dialect() {
        for (place, kind) in [
            (json!(["query", "payload"]), Kind::Foreign),
            (json!(["body"]), Kind::Foreign),
            (json!(["body", "payload"]), Kind::Foreign),
            (json!(["body", "items", 0, "key"]), Kind::Rejected),
        ] {
            let body = json!({"detail": [{"msg": "Field required", "loc": place}]});

            assert_eq!(answered(422, &body).kind, kind, "{place}");
        }
    }
}
