//! A client in one conversation.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::connection::Connection;
use crate::load::LoadError;

/// What clients say. All say the same, so that a recall finds all that was ever said.
pub(super) const MESSAGE: &str = "tell me more about the offer from the harbour";

/// A conversation with a connection to post on, and one to follow on.
#[derive(Debug)]
pub(super) struct Talk {
    posting: Connection,
    following: Connection,
    pub(super) session: String,
}

impl Talk {
    /// Begins a conversation, and waits for the first answer.
    pub(super) async fn begin(url: &str) -> Result<Self, LoadError> {
        let mut posting = Connection::open(url).await?;
        let body = json!({"message": MESSAGE}).to_string();
        let receipt = posting.post("/v1/session/message", &body).await?;
        let receipt: Value = serde_json::from_str(&receipt).unwrap_or_default();
        let session = receipt["session_id"].as_str().unwrap_or_default().to_owned();
        let mut talk = Self::resume(url, session, 0).await?;
        talk.following.event("assistant.final").await?;
        Ok(talk)
    }

    /// Goes on with a conversation after an event.
    pub(super) async fn resume(url: &str, session: String, after: u64) -> Result<Self, LoadError> {
        let posting = Connection::open(url).await?;
        let mut following = Connection::open(url).await?;
        following.follow(&session, after).await?;
        Ok(Self { posting, following, session })
    }

    /// One turn. Returns how long after `due` its answer was complete.
    pub(super) async fn turn(&mut self, due: Instant) -> Result<Duration, LoadError> {
        let body = json!({"message": MESSAGE, "session_id": self.session}).to_string();
        self.posting.post("/v1/session/message", &body).await?;
        self.following.event("assistant.final").await?;
        Ok(due.elapsed())
    }

    /// One turn after another until `end`.
    pub(super) async fn go_on_until(&mut self, end: Instant) -> Result<Vec<Duration>, LoadError> {
        let mut times = Vec::new();
        while Instant::now() < end {
            times.push(self.turn(Instant::now()).await?);
        }
        Ok(times)
    }

    /// Asks for a tool. Returns the data of its result.
    pub(super) async fn tool(&mut self, name: &str, args: &Value) -> Result<String, LoadError> {
        let body = json!({"session_id": self.session, "tool_name": name, "args": args}).to_string();
        self.posting.post("/v1/tool/request", &body).await?;
        self.following.event("tool.result").await
    }
}
