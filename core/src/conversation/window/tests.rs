//! Sessions as they are recorded, and the history that is made of them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::*;
use crate::conversation::event::Role;
use crate::digest::{Digest32, Nonce};
use crate::ids::{EventId, SessionId};
use crate::time::Timestamp;

/// A session that is being recorded.
#[derive(Default)]
pub(super) struct Recording {
    pub(super) events: Vec<Event>,
}

impl Recording {
    fn add(&mut self, turn: Option<TurnId>, kind: EventType, message: &str, metadata: Value) {
        let seq = Seq(self.events.len() as u64 + 1);
        let Value::Object(metadata) = metadata else { panic!("{metadata} is no object") };
        self.events.push(Event {
            event_id: EventId::from_uuid(Uuid::from_u128(u128::from(seq.0))),
            seq,
            session_id: SessionId::from_uuid(Uuid::from_u128(1)),
            turn_id: turn,
            persona_id: None,
            role: Role::Assistant,
            kind,
            message: message.into(),
            metadata,
            version: String::new(),
            occurred_at: Timestamp::from_micros(0),
            nonce: Nonce([0; 16]),
            hash: Digest32([0; 32]),
        });
    }

    pub(super) fn said(&mut self, number: usize, text: &str) {
        self.add(Some(turn(number)), EventType::UserMessage, text, json!({}));
    }

    pub(super) fn started(&mut self, number: usize) {
        self.add(Some(turn(number)), EventType::AssistantStarted, "", json!({}));
    }

    pub(super) fn requested(&mut self, number: usize, call: usize) {
        self.requested_as(number, call, &call_id(number, call));
    }

    /// A call that the model gave this id.
    fn requested_as(&mut self, number: usize, call: usize, own_id: &str) {
        let metadata = json!({
            "call_id": call_id(number, call), "tool_call_id": own_id, "tool_name": "echo",
            "arguments": "{}",
        });
        self.add(Some(turn(number)), EventType::ToolRequested, "", metadata);
    }

    pub(super) fn result(&mut self, number: usize, call: usize) {
        let metadata = json!({"call_id": call_id(number, call)});
        self.add(Some(turn(number)), EventType::ToolResult, "result", metadata);
    }

    pub(super) fn answered(&mut self, number: usize, text: &str) {
        self.add(Some(turn(number)), EventType::AssistantFinal, text, json!({}));
    }

    pub(super) fn failed(&mut self, number: usize, text: &str) {
        self.add(Some(turn(number)), EventType::TurnFailed, "Sorry.", json!({"text": text}));
    }

    pub(super) fn reset(&mut self) {
        self.add(None, EventType::SessionReset, "", Value::Object(Map::new()));
    }
}

/// Later turns have lower ids, so that nothing can lean on their order.
pub(super) fn turn(number: usize) -> TurnId {
    TurnId::from_uuid(Uuid::from_u128(9_000 - number as u128))
}

pub(super) fn call_id(number: usize, call: usize) -> String {
    format!("call-{number}-{call}")
}

/// Counts characters, so that costs are seen at a glance; a message's frame is 4 more.
pub(super) fn characters(text: &str) -> Tokens {
    text.chars().count() as Tokens
}

pub(super) fn user(text: &str) -> ChatMessage {
    ChatMessage::User { content: text.into() }
}

pub(super) fn assistant(text: &str) -> ChatMessage {
    ChatMessage::Assistant { content: text.into(), tool_calls: Vec::new() }
}

fn everything(recording: &Recording, current: usize) -> Vec<ChatMessage> {
    let window = window(&recording.events, turn(current), Tokens::MAX, &characters);
    window.messages().cloned().collect()
}

#[test]
fn message_accepted_while_an_answer_was_streaming_comes_after_that_answer() {
    let mut recording = Recording::default();
    recording.said(1, "one");
    recording.said(2, "two");
    recording.answered(1, "answer to one");
    recording.said(3, "three");
    recording.answered(2, "answer to two");

    let shown = everything(&recording, 3);

    let expected =
        [user("one"), assistant("answer to one"), user("two"), assistant("answer to two")];
    assert_eq!(shown, expected);
}

#[test]
fn cancelled_turn_keeps_what_was_said_of_it() {
    let mut recording = Recording::default();
    recording.said(1, "tell me");
    recording.failed(1, "Once upon");
    recording.said(2, "go on");

    assert_eq!(everything(&recording, 2), [user("tell me"), assistant("Once upon")]);
}

#[test]
fn what_was_said_before_a_reset_is_not_shown() {
    let mut recording = Recording::default();
    recording.said(1, "old");
    recording.answered(1, "old answer");
    recording.reset();
    recording.said(2, "new");
    recording.answered(2, "new answer");
    recording.said(3, "now");

    assert_eq!(everything(&recording, 3), [user("new"), assistant("new answer")]);
}

#[test]
fn messages_that_wait_behind_the_current_one_are_no_history_even_if_it_is_out_of_sight() {
    let mut recording = Recording::default();
    recording.said(1, "current");
    recording.said(2, "waits");
    recording.said(3, "waits too");
    recording.started(1);

    for from in 0..recording.events.len() {
        let window = window(&recording.events[from..], turn(1), Tokens::MAX, &characters);
        assert_eq!(window, Window::default(), "read from {from}");
    }
}

#[test]
fn result_that_came_after_the_history_was_chosen_does_not_change_it() {
    let mut recording = Recording::default();
    recording.said(1, "do both");
    recording.requested(1, 0);
    recording.requested(1, 1);
    recording.result(1, 0);
    recording.failed(1, "Doing");
    recording.said(2, "well?");
    let chosen = window(&recording.events, turn(2), Tokens::MAX, &characters);

    recording.result(1, 1);
    recording.reset();

    assert_eq!(chosen.blocks.len(), 3);
    assert_eq!(recorded(&recording.events, turn(2), &chosen.events()), chosen.blocks);
}

#[test]
fn calls_are_shown_by_the_ids_that_their_model_gave_them() {
    let mut recording = Recording::default();
    recording.said(1, "do all");
    for (call, own_id) in ["D681PevKs", "D681PevKs", ""].into_iter().enumerate() {
        recording.requested_as(1, call, own_id);
        recording.result(1, call);
    }
    recording.answered(1, "done");
    recording.said(2, "well?");

    let shown = everything(&recording, 2);

    let ChatMessage::Assistant { tool_calls, .. } = &shown[1] else { panic!("{shown:?}") };
    let asked: Vec<&str> = tool_calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(asked, ["D681PevKs", "11llac", "21llac"]);
    let told: Vec<ChatMessage> = asked
        .iter()
        .map(|id| ChatMessage::Tool { tool_call_id: (*id).into(), content: "result".into() })
        .collect();
    assert_eq!(shown[2..5], told);
}
