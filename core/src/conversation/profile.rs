//! Which model answers, where it is, and how it is used.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::budget::Tokens;

/// A model and how it is used. It is recorded with every turn, so it names its secret and never
/// holds it, and every field that came later has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelProfile {
    /// The model's name at its server.
    pub model: String,
    /// The most tokens one answer may have.
    pub max_tokens: Tokens,
    /// The most tokens prompt and answer may have together.
    pub context_tokens: Tokens,
    /// Sampling temperature in thousandths; none leaves it to the server.
    pub temperature_milli: Option<u32>,
    /// The address of its server, with its `/v1`; none is the server that is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The name of the stored secret it is asked with; none is the key that is configured for that
    /// very server, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Further parameters of a request, by the names that its server gives them. None of them
    /// changes what is asked, how many answers come of it, or how long they are.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub kwargs: Map<String, Value>,
    /// What it can do, as far as that is declared.
    #[serde(default, skip_serializing_if = "Abilities::are_undeclared")]
    pub abilities: Abilities,
}

impl ModelProfile {
    /// A model of the server that is configured, used as usual.
    pub fn new(model: impl Into<String>, max_tokens: Tokens, context_tokens: Tokens) -> Self {
        Self {
            model: model.into(),
            max_tokens,
            context_tokens,
            temperature_milli: None,
            base_url: None,
            secret: None,
            kwargs: Map::new(),
            abilities: Abilities::default(),
        }
    }
}

/// What a model and its server can do. What is not declared is tried, and learned from refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// It may ask for tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// It knows messages of the role `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_role: Option<bool>,
    /// It may ask for several tools in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_calls: Option<bool>,
    /// It sees images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
}

impl Abilities {
    /// Whether nothing is declared.
    pub fn are_undeclared(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Turns that were recorded before profiles named their server are read, and written as they were.
    #[test]
    fn profile_of_an_earlier_record_is_read_and_written_unchanged() {
        let recorded = json!({
            "model": "acme/small", "max_tokens": 200, "context_tokens": 1_000,
            "temperature_milli": 700,
        });

        let profile: ModelProfile = serde_json::from_value(recorded.clone()).unwrap();

        let expected = ModelProfile {
            temperature_milli: Some(700),
            ..ModelProfile::new("acme/small", 200, 1_000)
        };
        assert_eq!(profile, expected);
        assert_eq!(serde_json::to_value(profile).unwrap(), recorded);
    }

    #[test]
    fn whole_profile_is_read_back() {
        let profile = ModelProfile {
            base_url: Some("https://models.example/v1".into()),
            secret: Some("acme".into()),
            kwargs: Map::from_iter([("top_p".into(), json!(0.9))]),
            abilities: Abilities { tools: Some(false), images: Some(true), ..Default::default() },
            ..ModelProfile::new("acme/large", 200, 1_000)
        };

        let text = serde_json::to_string(&profile).unwrap();

        assert_eq!(serde_json::from_str::<ModelProfile>(&text).unwrap(), profile);
    }
}
