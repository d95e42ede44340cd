//! The settings a turn runs with. Recorded with it, so that a replay needs nothing else.

use serde::{Deserialize, Serialize};

use crate::budget::Tokens;
use crate::conversation::profile::ModelProfile;

/// The settings of one turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnConfig {
    /// The model that answers.
    pub dialogue: ModelProfile,
    /// The stronger model, for messages that are escalated.
    pub escalation: Option<ModelProfile>,
    /// The model that answers when the first does not.
    pub fallback: Option<ModelProfile>,
    /// How often the model may ask for tools; at least 0.
    pub max_tool_rounds: u32,
    /// How often one model may be asked before the fallback, or the end; at least 1.
    pub max_model_tries: u32,
    /// The account's limit per window; none is without limit.
    pub budget_limit: Option<Tokens>,
    /// The least tokens an answer is worth making with.
    pub least_answer_tokens: Tokens,
}

impl TurnConfig {
    /// The usual settings for one model: answers of up to 1024 tokens, 8192 tokens in all, 8 rounds
    /// of tools, 3 tries, no limit on the budget.
    pub fn of(model: impl Into<String>) -> Self {
        Self {
            dialogue: ModelProfile::new(model, 1_024, 8_192),
            escalation: None,
            fallback: None,
            max_tool_rounds: 8,
            max_model_tries: 3,
            budget_limit: None,
            least_answer_tokens: 16,
        }
    }
}
