//! Tokens: never beyond the limit, settled once, and paid for before they are used.

use soma_core::contract::talk::talk;
use soma_core::policy::Action;
use soma_core::work::commit::Commit;

use super::{LIMIT, Scene, allowed};
use crate::audit::Invariant;

#[test]
fn reservation_beyond_the_limit_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { usage: vec![talk.reserves(1, LIMIT)], ..talk.accepts(1) });
    assert_eq!(scene.broken(), []);

    scene.commit(Commit { usage: vec![talk.reserves(2, 1)], ..talk.commit() });

    assert_eq!(scene.broken(), [Invariant::Budget]);
}

#[test]
fn what_a_call_used_beyond_its_reservation_is_no_breach() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { usage: vec![talk.reserves(1, 10)], ..talk.accepts(1) });
    let settled = talk.settles(1, LIMIT + 5);
    scene.commit(Commit { usage: vec![settled], ..talk.commit() });

    scene.commit(Commit { usage: vec![talk.reserves(2, LIMIT)], ..talk.commit() });

    assert_eq!(scene.broken(), [Invariant::Budget]);
    let what = &scene.audit.violations()[0].what;
    assert!(what.contains("2005 of Some(1995)"), "{what}");
}

#[test]
fn settlement_of_an_unknown_reservation_is_told() {
    let scene = Scene::new();
    let talk = talk(1);

    let settled = talk.settles(1, 7);
    scene.commit(Commit { usage: vec![settled], ..talk.accepts(1) });

    assert_eq!(scene.broken(), [Invariant::Budget]);
}

#[test]
fn model_call_without_a_reservation_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    scene.commit(Commit {
        decisions: vec![allowed(Action::ConversationSend)],
        ..talk.progresses(1, 1, soma_core::work::session::TurnState::Ready)
    });

    scene.audit.model_called(talk.turn(1));

    assert_eq!(scene.broken(), [Invariant::Budget]);
}

#[test]
fn reservation_that_is_left_open_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    scene.commit(Commit { usage: vec![talk.reserves(2, 5)], ..talk.commit() });

    scene.audit.at_rest(&scene.memory);

    let broken = scene.broken();
    assert!(!broken.is_empty() && broken.iter().all(|one| *one == Invariant::Budget), "{broken:?}");
}

#[test]
fn what_was_used_and_not_settled_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    scene.audit.model_used(talk.turn(1), 1);

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::Budget]);
}
