//! What a model is shown, whatever a person, a tool or a memory comes up with.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::conversation::model::ChatMessage;
use crate::testing::course::{Taken, courses, turn_id};
use crate::testing::holds;
use crate::turn::machine::Turn;
use crate::turn::prompt;

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
