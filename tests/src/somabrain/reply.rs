//! Answers.

use serde_json::{Value, json};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(super) fn detail(status: u16, detail: impl Into<Value>) -> Self {
        Self::json(status, &json!({"detail": detail.into()}))
    }

    /// A page, as Django answers what it does not know.
    pub(super) fn page(status: u16) -> Self {
        Self::text(status, "text/html", format!("<!doctype html><h1>{status}</h1>"))
    }

    /// A mistake in a request, as both stacks list it.
    pub(super) fn mistake(place: &[&str], message: &str) -> Self {
        let kind = if message == "Field required" { "missing" } else { "value_error" };
        let mistake = json!({"type": kind, "loc": place, "msg": message, "input": null});
        Self::json(422, &json!({"detail": [mistake], "hint": "see /docs", "client": null}))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}
