//! The language model.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::budget::Tokens;
use crate::conversation::analysis::Analysis;
use crate::conversation::model::{ChatMessage, FinishReason, ModelFailure, ModelToolCall, Usage};
use crate::conversation::profile::ModelProfile;
use crate::ids::{SessionId, TurnId};
use crate::tool::ToolSpec;

/// One call of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRequest {
    /// The conversation.
    pub session_id: SessionId,
    /// The turn.
    pub turn_id: TurnId,
    /// Which model, and how.
    pub profile: ModelProfile,
    /// The prompt.
    pub messages: Vec<ChatMessage>,
    /// The tools it may ask for.
    pub tools: Vec<ToolSpec>,
    /// The most tokens the answer may have.
    pub max_tokens: Tokens,
    /// What the platform knows about the message; not part of the prompt.
    pub about: About,
}

/// What the platform knows about the message that is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its analysis.
    pub analysis: Option<Analysis>,
    /// The texts of the memories that were recalled for it.
    pub recalled: Vec<String>,
    /// How many messages of history the prompt has.
    pub history: usize,
}

/// What a model sends while it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelEvent {
    /// More of what it thinks before it answers; never empty. It is no part of the answer, and is never
    /// shown to a model again.
    Reasoning(String),
    /// More text; never empty.
    Text(String),
    /// The end: nothing follows.
    Done {
        /// The tools it asks for, with ids that are unique in this answer.
        tool_calls: Vec<ModelToolCall>,
        /// Why it stopped.
        finish: FinishReason,
        /// What it used, if it said so.
        usage: Option<Usage>,
        /// The model, by its own word.
        model: String,
    },
}

/// The events of one answer.
pub type ModelStream = BoxStream<'static, Result<ModelEvent, ModelFailure>>;

/// Answers prompts.
///
/// # Contract
///
/// - The stream ends with exactly one [`ModelEvent::Done`] or one failure; nothing follows it.
/// - A stream that breaks off is [`ModelFailure::Broken`], never a silent end.
/// - Silence is bounded: after the implementation's limit it is [`ModelFailure::Timeout`].
/// - Dropping the stream ends the call.
/// - No failure's text holds a secret.
#[async_trait]
pub trait Model: Send + Sync {
    /// Asks the model.
    ///
    /// # Errors
    ///
    /// [`ModelFailure`] if it does not begin to answer.
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure>;

    /// Counts the tokens of a text, as well as this model's side knows.
    fn count(&self, text: &str) -> Tokens;

    /// Which model answers, for people.
    fn describe(&self) -> String;
}
