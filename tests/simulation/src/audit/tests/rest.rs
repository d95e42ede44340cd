//! What is found when everything came to rest.

use serde_json::json;
use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::event::EventType;
use soma_core::conversation::model::ModelFailure;
use soma_core::policy::Action;
use soma_core::ports::Store;
use soma_core::turn::input::{Input, RecordedInput};
use soma_core::work::commit::Commit;
use soma_core::work::session::TurnState;

use super::{Scene, after, allowed, now};
use crate::audit::Invariant;

/// A scene after a history in which nothing is wrong.
fn after_a_history(talk: &Talk) -> Scene {
    let scene = Scene::new();
    scene.history(talk);
    scene
}

/// What is told at rest, in words.
fn told(scene: &Scene) -> String {
    assert_eq!(scene.broken(), []);
    scene.audit.at_rest(&scene.memory);
    let words: Vec<_> = scene.audit.violations().iter().map(ToString::to_string).collect();
    words.join("\n")
}

/// A commit by which a turn fails whose record has so many inputs: its model failed.
fn fails(scene: &Scene, talk: &Talk, turn: u32, steps: u32) -> Commit {
    scene.audit.model_failed(talk.turn(turn), ModelFailure::ContentFilter);
    let mut ends = after(steps, talk.ends(turn));
    ends.events[0].kind = EventType::TurnFailed;
    ends.events[0].metadata.insert("reason".into(), json!("content_filter"));
    ends
}

#[test]
fn event_that_nobody_saw_committed_is_told() {
    let talk = talk(1);
    let scene = after_a_history(&talk);
    now(scene.behind().commit(talk.says("unseen")));

    let told = told(&scene);

    assert!(told.contains("chain: ") && told.contains("is not as it was committed"), "{told}");
}

#[test]
fn turns_that_are_numbered_otherwise_than_accepted_are_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    for turn in [1, 2] {
        scene.commit(talk.accepts(turn));
        scene.commit(fails(&scene, &talk, turn, 1));
    }
    let swap = |scene: &Scene| {
        let mut books = scene.audit.books();
        books.sessions.by_id.get_mut(&talk.session_id).unwrap().turns.swap(0, 1);
    };

    swap(&scene);
    let told = told(&scene);

    assert!(told.contains("is turn 2 of"), "{told}");
}

#[test]
fn call_that_is_left_open_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    scene.commit(talk.asks(1));
    scene.commit(fails(&scene, &talk, 1, 2));

    let told = told(&scene);

    assert!(told.contains("is Requested"), "{told}");
}

#[test]
fn erased_session_that_is_still_there_is_told() {
    let talk = talk(1);
    let scene = after_a_history(&talk);
    scene.audit.books().erased(&talk.tenant, talk.session_id);

    let told = told(&scene);

    assert!(told.contains("was erased, and is there"), "{told}");
}

#[test]
fn replica_with_other_rows_is_told() {
    let talk = talk(1);
    let scene = after_a_history(&talk);
    let row = (talk.event("unseen"), (talk.tenant.clone(), talk.session_id));
    scene.audit.books().memories.replicated([row]);

    let told = told(&scene);

    assert!(told.contains("the replica has 1 rows of acme, of 2"), "{told}");
}

#[test]
fn account_that_the_ledger_counts_otherwise_is_told() {
    let talk = talk(1);
    let scene = after_a_history(&talk);
    now(scene.behind().commit(Commit { usage: vec![talk.reserves(2, 5)], ..talk.commit() }));

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::Budget]);
}

#[test]
fn turn_that_states_another_usage_than_was_settled_is_told() {
    let talk = talk(1);
    let scene = after_a_history(&talk);
    let settled = talk.settles(2, 5);
    scene.commit(Commit { usage: vec![talk.reserves(2, 5), settled], ..talk.commit() });

    let told = told(&scene);

    assert!(told.contains("says that it used 40 tokens, 45 were settled"), "{told}");
}

#[test]
fn message_that_may_be_remembered_and_is_not_queued_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    let decisions = vec![allowed(Action::ConversationSend), allowed(Action::MemoryWrite)];
    let input = Input::Authorized { decisions: decisions.clone() };
    let mut begins = Commit { decisions, ..talk.progresses(1, 1, TurnState::Ready) };
    begins.turn.as_mut().unwrap().inputs = vec![RecordedInput { input, at: NOW }];
    scene.commit(begins);
    scene.commit(fails(&scene, &talk, 1, 2));

    let told = told(&scene);

    assert!(told.contains("may be remembered: true; it is not so"), "{told}");
}
