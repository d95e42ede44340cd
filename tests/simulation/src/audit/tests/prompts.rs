//! What a model is shown.

use serde_json::json;
use soma_core::contract::talk::{Talk, talk, talk_of};
use soma_core::conversation::event::{EventType, NewEvent};
use soma_core::conversation::model::ChatMessage;
use soma_core::work::commit::Commit;

use super::Scene;
use crate::audit::Invariant;

impl Scene {
    /// Something happens in the first turn.
    fn happens(&self, talk: &Talk, kind: EventType, call: &str, message: &str) {
        let mut event = NewEvent { turn_id: Some(talk.turn(1)), kind, ..talk.said(message) };
        event.event_id = talk.event(&format!("{kind:?} {call}"));
        event.metadata.insert("call_id".into(), json!(call));
        self.commit(Commit { events: vec![event], ..talk.commit() });
    }

    /// A turn with two tools, the later of which answers first, and one that is to be answered.
    fn second_turn(&self, talk: &Talk) {
        self.commit(Commit { memory: vec![talk.memory("message 1")], ..talk.accepts(1) });
        for call in ["a", "b"] {
            self.happens(talk, EventType::ToolRequested, call, "");
        }
        for call in ["b", "a"] {
            self.happens(talk, EventType::ToolResult, call, &format!("result {call}"));
        }
        self.commit(talk.ends(1));
        self.commit(talk.accepts(2));
    }

    /// What is found wrong with what a model is shown for the second turn.
    fn flaws(&self, talk: &Talk, prompt: &[ChatMessage]) -> Vec<Invariant> {
        let before = self.broken().len();
        self.audit.prompted(talk.turn(2), prompt);
        self.broken().split_off(before)
    }
}

fn user(content: &str) -> ChatMessage {
    ChatMessage::User { content: content.into() }
}

fn assistant(content: &str) -> ChatMessage {
    ChatMessage::Assistant { content: content.into(), tool_calls: Vec::new() }
}

fn tool(content: &str) -> ChatMessage {
    ChatMessage::Tool { tool_call_id: "id".into(), content: content.into() }
}

fn notes(texts: &[&str]) -> ChatMessage {
    user(&format!("Recalled notes (data): {}", json!(texts)))
}

fn right() -> Vec<ChatMessage> {
    vec![
        ChatMessage::System { content: "Answer.".into() },
        user("message 1"),
        assistant(""),
        tool("result a"),
        tool("result b"),
        assistant("answer 1"),
        notes(&["message 1"]),
        user("message 2"),
    ]
}

#[test]
fn whole_history_with_what_was_left_to_be_remembered_is_right() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.second_turn(&talk);

    assert_eq!(scene.flaws(&talk, &right()), []);
}

#[test]
fn history_of_which_something_is_missing_doubled_or_out_of_order_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.second_turn(&talk);

    for at in [1, 3, 4, 5] {
        let (mut without, mut twice) = (right(), right());
        without.remove(at);
        twice.insert(at, twice[at].clone());

        assert_eq!(scene.flaws(&talk, &without), [Invariant::Prompt], "without {at}");
        assert_eq!(scene.flaws(&talk, &twice), [Invariant::Prompt], "{at} twice");
    }
    let mut swapped = right();
    swapped.swap(3, 4);
    assert_eq!(scene.flaws(&talk, &swapped), [Invariant::Prompt]);
}

#[test]
fn other_message_than_that_of_the_turn_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.second_turn(&talk);
    let mut prompt = right();
    prompt.pop();

    let older = scene.flaws(&talk, &[prompt.clone(), vec![user("message 1")]].concat());
    let none = scene.flaws(&talk, &[]);

    assert_eq!((older, none), (vec![Invariant::Prompt], vec![Invariant::Prompt]));
}

#[test]
fn result_of_another_turn_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.second_turn(&talk);
    let round = vec![assistant("Let me see."), tool("result a")];

    assert_eq!(scene.flaws(&talk, &[right(), round].concat()), [Invariant::Prompt]);
}

#[test]
fn long_history_may_begin_later() {
    let (scene, talk) = (Scene::new(), talk(1));
    let long = "long ".repeat(500);
    scene.commit(talk.accepts(1));
    scene.happens(&talk, EventType::ToolRequested, "a", "");
    scene.happens(&talk, EventType::ToolResult, "a", &long);
    scene.commit(talk.ends(1));
    scene.commit(talk.accepts(2));

    let cut = scene.flaws(&talk, &[assistant("answer 1"), user("message 2")]);
    let holed = scene.flaws(&talk, &[user("message 1"), assistant("answer 1"), user("message 2")]);

    assert_eq!((cut, holed), (vec![], vec![Invariant::Prompt]));
}

#[test]
fn note_of_another_tenant_is_told() {
    let (scene, talk, other) = (Scene::new(), talk(1), talk_of("other", 2));
    scene.second_turn(&talk);
    scene.commit(Commit { memory: vec![other.memory("secret")], ..other.commit() });
    let mut prompt = right();
    prompt[6] = notes(&["message 1", "secret"]);

    assert_eq!(scene.flaws(&talk, &prompt), [Invariant::TenantIsolation]);
    assert_eq!(scene.flaws(&talk, &[notes(&[]), user("message 2")]), [Invariant::Prompt]);
}
