//! What holds for any text a person, a model, a tool or a memory may come up with.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::analysis::{Intent, analyse};
use super::escalation::{cost_usd, decide};
use super::model::ChatMessage;
use super::prompt;
use crate::testing::{holds, json, text};
use crate::turn::course::{Taken, courses, turn_id};
use crate::turn::machine::Turn;

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

#[test]
fn result_of_a_tool_is_cut_between_characters() {
    for payload in [json!("語".repeat(20_000)), json!({"a": "🦀\"".repeat(9_000)}), json!(null)]
    {
        let shown = prompt::tool_result(&payload);

        assert!(shown.chars().count() <= 16_000 + " [truncated]".len());
        assert_eq!(shown.ends_with(" [truncated]"), payload != Value::Null);
    }
}

/// A turn in the middle of its course.
fn turns() -> impl Strategy<Value = Turn> {
    (courses(turn_id(1)), any::<proptest::sample::Index>()).prop_map(|(course, at)| {
        let taken = course.run();
        let Taken { step, .. } = &taken[at.index(taken.len())];
        step.turn.clone()
    })
}

#[test]
fn prompt_shows_the_message_once_and_only_the_platform_speaks_as_the_system() {
    let history = vec![ChatMessage::User { content: "before".into() }];
    holds(96, &turns(), |turn| {
        let prompt = prompt::build(&turn, history.clone());

        let message = ChatMessage::User { content: turn.accepted().unwrap().message.clone() };
        let system = |said: &&ChatMessage| matches!(said, ChatMessage::System { .. });
        assert_eq!(prompt.iter().filter(system).count(), 1);
        assert!(matches!(prompt[0], ChatMessage::System { .. }));
        assert_eq!(prompt[1], history[0]);
        assert_eq!(prompt[1..].iter().filter(|said| **said == message).count(), 1);
        assert_eq!(prompt::least(&turn), [prompt[0].clone(), message]);
    });
}

#[test]
fn prompt_shows_each_result_after_the_call_it_answers() {
    holds(96, &turns(), |turn| {
        let prompt = prompt::build(&turn, Vec::new());

        let mut open: Vec<String> = Vec::new();
        for message in prompt {
            match message {
                ChatMessage::Assistant { tool_calls, .. } => {
                    open.extend(tool_calls.into_iter().map(|call| call.id));
                }
                ChatMessage::Tool { tool_call_id, .. } => {
                    let asked = open.iter().position(|id| *id == tool_call_id);
                    open.remove(asked.expect("a result without a call"));
                }
                ChatMessage::System { .. } | ChatMessage::User { .. } => {}
            }
        }
        assert_eq!(open.len(), turn.open_calls().count());
    });
}
