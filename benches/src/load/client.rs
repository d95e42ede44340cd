//! HTTP as a client of the platform speaks it.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use soma_model::sse::{Message, Parser};

use super::error::LoadError;

/// How long nothing may come, be it an answer or the next byte of a stream.
const PATIENCE: Duration = Duration::from_mins(1);

/// Many clients of one server: what they have in common.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(super) fn of(url: &str) -> Result<Self, LoadError> {
        let http = reqwest::Client::builder().read_timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { http, url: url.into() })
    }

    /// Says something, in a session that is there or in a new one. Returns the session.
    pub(super) async fn say(
        &self,
        session: Option<&str>,
        message: &str,
    ) -> Result<String, LoadError> {
        let body = match session {
            Some(session) => json!({"message": message, "session_id": session}),
            None => json!({"message": message}),
        };
        let path = "/v1/session/message";
        let response = self.http.post(format!("{}{path}", self.url)).json(&body).send().await?;
        let receipt: Value = expect(response, path, StatusCode::ACCEPTED)?.json().await?;
        Ok(receipt["session_id"].as_str().unwrap_or_default().to_owned())
    }

    /// Follows a session from its beginning.
    pub(super) async fn follow(&self, session: &str) -> Result<Watch, LoadError> {
        let path = format!("/v1/session/{session}/events");
        let response = self.http.get(format!("{}{path}", self.url)).send().await?;
        let response = expect(response, &path, StatusCode::OK)?;
        Ok(Watch { response, parser: Parser::new(), ready: VecDeque::new() })
    }

    /// The text of a page.
    pub(super) async fn page(&self, path: &str) -> Result<String, LoadError> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(expect(response, path, StatusCode::OK)?.text().await?)
    }
}

fn expect(response: Response, path: &str, wanted: StatusCode) -> Result<Response, LoadError> {
    let status = response.status();
    if status == wanted {
        return Ok(response);
    }
    Err(LoadError::Status { path: path.into(), status: status.as_u16() })
}

/// A stream of events that is open; closed when it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    response: Response,
    parser: Parser,
    ready: VecDeque<Message>,
}

impl Watch {
    /// The type of the next event, and what it says.
    pub(super) async fn next(&mut self) -> Result<(String, String), LoadError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok((message.event.unwrap_or_default(), message.data));
            }
            let bytes = self.response.chunk().await?.ok_or(LoadError::StreamEnded)?;
            self.ready.extend(self.parser.push(&bytes)?);
        }
    }

    /// Waits until an answer is complete.
    pub(super) async fn end_of_answer(&mut self) -> Result<(), LoadError> {
        loop {
            match self.next().await? {
                (kind, _) if kind == "assistant.final" => return Ok(()),
                (kind, data) if kind == "turn.failed" => return Err(LoadError::TurnFailed(data)),
                _ => {}
            }
        }
    }
}
