//! What holds for any text a person, a model, a tool or a memory may come up with.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::analysis::{Intent, analyse};
use super::escalation::{cost_usd, decide};
use crate::testing::{holds, json, text};

/// Texts that touch the rules: their words, in any company.
fn message() -> impl Strategy<Value = String> {
    let words = ["how", "write", "errors", "deploy", "code", "test", "?", "great", "İ", "ß", "\0"];
    let piece = prop_oneof![select(words.to_vec()).prop_map(str::to_owned), text(6)];
    (vec(piece, 0..8), select(vec!["", " ", "\n", "-"]))
        .prop_map(|(pieces, between)| pieces.join(between))
}

/// Metadata that touches the rules.
fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    let names = ["escalate", "risk_level", "complexity", "priority", "other"];
    let values = ["high", "critical", "severe", "urgent", "true"];
    let value = prop_oneof![select(values.to_vec()).prop_map(Value::from), json()];
    vec((select(names.to_vec()).prop_map(str::to_owned), value), 0..4).prop_map(Map::from_iter)
}

#[test]
fn any_message_has_an_analysis() {
    holds(512, &message(), |message| {
        let analysis = analyse(&message);

        assert_eq!(analysis.intent == Intent::Empty, message.trim().is_empty());
        assert!(analysis.tags.is_sorted_by(|one, next| one < next));
        assert_eq!(analyse(&message), analysis);
    });
}

#[test]
fn any_message_is_escalated_or_not_for_a_reason_that_fits() {
    holds(512, &(message(), metadata()), |(message, metadata)| {
        let decision = decide(&message, &analyse(&message), &metadata);

        match metadata.get("escalate").and_then(Value::as_bool) {
            Some(flag) => assert_eq!(decision.escalate, flag),
            None => assert_eq!(decision.escalate, decision.reason != "slm_handled"),
        }
    });
}

#[test]
fn costs_are_never_negative_nor_without_end() {
    let models = ["Phi-3-medium-4k-instruct", "a/Qwen2-72B-Instruct", "unknown", ""];
    holds(256, &(select(models.to_vec()), any::<u64>()), |(model, tokens)| {
        let cost = cost_usd(model, tokens);

        assert!(cost.is_none_or(|cost| cost >= 0.0 && cost.is_finite()));
    });
}
