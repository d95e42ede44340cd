//! Whether a message goes to the stronger model, and what models cost: the rules of `docs/rules.md`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::analysis::{Analysis, Intent, Tag};
use crate::budget::Tokens;

/// The decision, and the rule that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Whether the escalation profile answers.
    pub escalate: bool,
    /// The rule that decided.
    pub reason: String,
}

/// The facts the rules look at.
#[derive(Debug)]
struct Facts<'a> {
    metadata: &'a Map<String, Value>,
    intent: Intent,
    /// Sum of the tags' weights, in tenths.
    score: u32,
    /// Characters of the message.
    length: usize,
}

type Rule = (&'static str, fn(&Facts<'_>) -> bool);

/// The rules, in order; the first that holds escalates.
const RULES: &[Rule] = &[
    ("risk_level_high", |f| f.is("risk_level", &["high", "critical"])),
    ("complexity_high_tag_signal", |f| f.is("complexity", &["advanced", "severe"]) && f.score >= 5),
    ("priority_urgent_long_content", |f| {
        f.is("priority", &["urgent"]) && (f.score >= 6 || f.length > 750)
    }),
    ("intent_complex_high_tag", |f| {
        matches!(f.intent, Intent::ActionRequest | Intent::ProblemReport)
            && f.score >= 8
            && f.length > 600
    }),
];

impl Facts<'_> {
    fn is(&self, field: &str, values: &[&str]) -> bool {
        self.metadata.get(field).and_then(Value::as_str).is_some_and(|text| values.contains(&text))
    }
}

/// Decides by the client's `escalate` flag if it is a boolean, then by the rules.
pub fn decide(message: &str, analysis: &Analysis, metadata: &Map<String, Value>) -> Escalation {
    if let Some(flag) = metadata.get("escalate").and_then(Value::as_bool) {
        return Escalation { escalate: flag, reason: format!("metadata_override_{flag}") };
    }
    let facts = Facts {
        metadata,
        intent: analysis.intent,
        score: analysis.tags.iter().map(|tag| weight(*tag)).sum(),
        length: message.chars().count(),
    };
    match RULES.iter().find(|(_, holds)| holds(&facts)) {
        Some((reason, _)) => Escalation { escalate: true, reason: (*reason).into() },
        None => Escalation { escalate: false, reason: "slm_handled".into() },
    }
}

/// A tag's weight, in tenths.
const fn weight(tag: Tag) -> u32 {
    match tag {
        Tag::Code | Tag::Infrastructure => 4,
        Tag::Testing => 2,
    }
}

/// US dollars per 1000 tokens, prompt and answer alike, by the end of the model's name.
const COSTS: &[(&str, f64)] = &[
    ("Mixtral-8x7B-Instruct-v0.1", 0.6),
    ("Qwen2-72B-Instruct", 2.0),
    ("Yi-34B-Chat", 1.2),
    ("DeepSeek-Coder-V2-Instruct", 0.8),
    ("Phi-3-medium-4k-instruct", 0.3),
];

/// What `tokens` of `model` cost in US dollars, to four decimals; none for an unknown model.
pub fn cost_usd(model: &str, tokens: Tokens) -> Option<f64> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let (_, per_thousand) = COSTS.iter().find(|(known, _)| *known == name)?;
    let tokens = f64::from(u32::try_from(tokens).unwrap_or(u32::MAX));
    Some((tokens / 1_000.0 * per_thousand * 10_000.0).round() / 10_000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::analysis::analyse;
    use super::*;

    fn reason(message: &str, metadata: Value) -> String {
        let Value::Object(metadata) = metadata else { panic!("an object") };
        let decision = decide(message, &analyse(message), &metadata);
        assert_eq!(
            decision.escalate,
            !["slm_handled", "metadata_override_false"].contains(&&*decision.reason)
        );
        decision.reason
    }

    #[test]
    fn rules_hold_in_order() {
        let code_and_infra = "deploy the code";
        let long = format!("build this: {code_and_infra} {}", "x ".repeat(400));

        assert_eq!(reason("hi", json!({})), "slm_handled");
        assert_eq!(reason("hi", json!({"risk_level": "critical"})), "risk_level_high");
        assert_eq!(reason("hi", json!({"complexity": "severe"})), "slm_handled");
        assert_eq!(
            reason(code_and_infra, json!({"complexity": "severe"})),
            "complexity_high_tag_signal"
        );
        assert_eq!(
            reason(code_and_infra, json!({"priority": "urgent"})),
            "priority_urgent_long_content"
        );
        assert_eq!(reason(&long, json!({})), "intent_complex_high_tag");
    }

    #[test]
    fn the_flag_overrides_only_as_a_boolean() {
        assert_eq!(reason("hi", json!({"escalate": true})), "metadata_override_true");
        assert_eq!(
            reason("hi", json!({"escalate": false, "risk_level": "high"})),
            "metadata_override_false"
        );
        assert_eq!(reason("hi", json!({"escalate": "true"})), "slm_handled");
    }

    #[test]
    fn costs_are_per_thousand_tokens_and_rounded() {
        assert_eq!(cost_usd("mistralai/Mixtral-8x7B-Instruct-v0.1", 1_500), Some(0.9));
        assert_eq!(cost_usd("Phi-3-medium-4k-instruct", 1), Some(0.0003));
        assert_eq!(cost_usd("someone/else", 1_000), None);
    }
}
