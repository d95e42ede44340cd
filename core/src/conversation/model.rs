//! What is said to a language model, and what it answers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::Tokens;

/// Counts the tokens of a text. Given by an adapter, so that core needs no vocabulary.
pub type TokenCounter<'a> = dyn Fn(&str) -> Tokens + Send + Sync + 'a;

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum ChatMessage {
    /// Instructions of the platform.
    System {
        /// The text.
        content: String,
    },
    /// What the person said, or data that is shown to the model.
    User {
        /// The text.
        content: String,
    },
    /// What the model said before.
    Assistant {
        /// The text; may be empty beside tool calls.
        content: String,
        /// The tools it asked for.
        tool_calls: Vec<ModelToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The model's id of the call.
        tool_call_id: String,
        /// The answer, as text.
        content: String,
    },
}

impl ChatMessage {
    /// The tokens the message costs, with a little for its frame.
    pub fn tokens(&self, count: &TokenCounter<'_>) -> Tokens {
        const FRAME: Tokens = 4;
        let text = match self {
            Self::System { content } | Self::User { content } | Self::Tool { content, .. } => {
                count(content)
            }
            Self::Assistant { content, tool_calls } => {
                let calls =
                    tool_calls.iter().map(|call| count(&call.name) + count(&call.arguments));
                count(content) + calls.sum::<Tokens>()
            }
        };
        text + FRAME
    }
}

/// A tool call as a model writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelToolCall {
    /// The model's own id, unique in its answer.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, as JSON text; a model may have written anything.
    pub arguments: String,
}

/// Tokens of one model call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: Tokens,
    /// Of the answer.
    pub completion_tokens: Tokens,
    /// Whether we counted, because the model did not say.
    pub estimated: bool,
}

impl Usage {
    /// Prompt and answer together.
    pub const fn total(self) -> Tokens {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// The sum of two calls.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached `max_tokens`.
    Length,
    /// It asks for tools.
    ToolCalls,
    /// A filter cut it off.
    ContentFilter,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ModelFailure {
    /// The key was not accepted (401, 403).
    #[error("the language model refused our credentials")]
    Unauthorized,
    /// There is no such model or route (404).
    #[error("the language model or its address does not exist")]
    NotFound,
    /// Too many requests (429).
    #[error("the language model is busy")]
    RateLimited {
        /// When it wants to be asked again, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// The prompt does not fit.
    #[error("the conversation is too long for the language model")]
    TooLong,
    /// A filter refused the prompt or the answer.
    #[error("the language model's content filter refused")]
    ContentFilter,
    /// The request was refused for another reason (4xx).
    #[error("the language model refused the request: {0}")]
    Refused(String),
    /// It failed or cannot be reached (5xx, connection).
    #[error("the language model cannot be reached: {0}")]
    Unavailable(String),
    /// The stream ended before the answer did.
    #[error("the language model's answer broke off")]
    Broken,
    /// Nothing came for too long.
    #[error("the language model fell silent")]
    Timeout,
}

impl ModelFailure {
    /// Whether asking again may help.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Unavailable(_) | Self::Broken | Self::Timeout
        )
    }

    /// Its name, for counters.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooLong => "too_long",
            Self::ContentFilter => "content_filter",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
        }
    }

    /// When the model wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after_seconds } => {
                retry_after_seconds.map(Duration::from_secs)
            }
            Self::Unauthorized
            | Self::NotFound
            | Self::TooLong
            | Self::ContentFilter
            | Self::Refused(_)
            | Self::Unavailable(_)
            | Self::Broken
            | Self::Timeout => None,
        }
    }
}
