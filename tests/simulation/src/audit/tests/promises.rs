//! What clients were told, and what is there.

use soma_core::contract::talk::talk;
use soma_core::work::commit::{Commit, Receipt};

use super::Scene;
use crate::audit::Invariant;

#[test]
fn acknowledged_message_that_is_not_there_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let receipt = talk.request("key", "asked", 1).answer;

    scene.audit.acknowledged(&receipt, "key", "message 1", &talk.tenant);

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
}

#[test]
fn acknowledged_message_that_says_something_else_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    let receipt = talk.request("key", "asked", 1).answer;
    scene.audit.acknowledged(&receipt, "key", "something else", &talk.tenant);

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
}

#[test]
fn key_that_was_answered_with_another_turn_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let request = talk.request("key", "asked", 1);
    scene.commit(Commit { request: Some(request.clone()), ..talk.accepts(1) });

    let receipt = Receipt { turn_id: talk.turn(2), ..request.answer };
    scene.audit.acknowledged(&receipt, "key", "message 1", &talk.tenant);

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
}

#[test]
fn refused_message_that_is_there_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let request = talk.request("key", "asked", 1);
    scene.audit.refused(&talk.tenant, "other key");
    scene.commit(Commit { request: Some(request), ..talk.accepts(1) });
    assert_eq!(scene.broken(), []);

    scene.audit.refused(&talk.tenant, "key");

    assert_eq!(scene.broken(), [Invariant::RefusedIsAbsent]);
}

#[test]
fn turn_that_never_ends_is_told_at_rest() {
    let scene = Scene::new();
    scene.commit(talk(1).accepts(1));

    scene.audit.at_rest(&scene.memory);

    let broken = scene.broken();
    assert!(broken.contains(&Invariant::Conservation), "{broken:?}");
}

#[test]
fn only_the_first_violations_are_kept() {
    let scene = Scene::new();

    for number in 0..30 {
        scene.audit.violate(Invariant::Fairness, number.to_string());
    }

    let violations = scene.audit.violations();
    assert_eq!(violations.len(), 20);
    assert_eq!(violations[0].to_string(), "fairness: 0");
}
