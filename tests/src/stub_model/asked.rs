//! A request for a completion.

use serde_json::Value;
use soma_core::conversation::model::Usage;

/// What the stub was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The body of the request.
    pub body: Value,
    /// The key it came with.
    pub key: Option<String>,
    /// The how manieth time this is asked, from 1: with this last message of the person, and as many
    /// messages after it.
    pub attempt: usize,
}

impl Asked {
    /// The last message of the person, without the notes and the unanswered messages before it.
    pub fn message(&self) -> &str {
        let said = last_user(&self.body).1;
        said.rsplit_once("\n\n").map_or(said, |(_, last)| last)
    }

    /// What the tools answered since, in order.
    pub fn tool_results(&self) -> Vec<&str> {
        let after = messages(&self.body).skip(last_user(&self.body).0);
        after.filter(|message| message["role"] == "tool").map(content).collect()
    }

    /// The model that is to answer.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("stub")
    }

    /// Whether the answer is to be streamed.
    pub fn wants_stream(&self) -> bool {
        self.body["stream"] == true
    }

    /// Whether the end of the stream is to tell what was used.
    pub fn wants_usage(&self) -> bool {
        !self.wants_stream() || self.body["stream_options"]["include_usage"] == true
    }

    /// What the stub says that an answer used: a token is a word.
    pub fn usage(&self, answer: &str) -> Usage {
        let prompt_tokens = messages(&self.body).map(|message| words(content(message))).sum();
        Usage { prompt_tokens, completion_tokens: words(answer), estimated: false }
    }

    /// Whether `body` asks the same.
    pub(super) fn is_like(&self, body: &Value) -> bool {
        let length = |body| messages(body).count();
        let after = |body| length(body) - last_user(body).0;
        last_user(&self.body).1 == last_user(body).1 && after(&self.body) == after(body)
    }
}

/// Where the last message of the person stands, and what it says.
fn last_user(body: &Value) -> (usize, &str) {
    let users = messages(body).enumerate().filter(|(_, message)| message["role"] == "user");
    users.last().map_or((0, ""), |(place, message)| (place, content(message)))
}

fn messages(body: &Value) -> impl Iterator<Item = &Value> {
    body["messages"].as_array().into_iter().flatten()
}

fn content(message: &Value) -> &str {
    message["content"].as_str().unwrap_or_default()
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
