//! What a call of the model cost is what is settled.

use soma_core::contract::talk::{Talk, talk};
use soma_core::work::commit::{Commit, WorkKind};

use super::{Scene, under};
use crate::audit::Invariant;
use crate::audit::calls::Came;

const PROMPT: u64 = 10;
const SAID: u64 = 5;
const RESERVED: u64 = 100;

/// A turn that has tokens set aside, and a worker.
fn reserved() -> (Scene, Talk) {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.ready(&talk, 1);
    let claim = scene.claim(WorkKind::Turns);
    let usage = vec![talk.reserves(1, RESERVED)];
    scene.commit(under(&claim, Commit { usage, release: true, ..talk.survives(1, 1) }));
    (scene, talk)
}

/// Whether a settlement by so many tokens is told, after a call that came so far.
fn is_told(came: Came, used: u64) -> bool {
    let (scene, talk) = reserved();
    let call = scene.audit.call_begins(talk.turn(1), PROMPT);
    scene.audit.call_came(call, SAID, came);
    scene.commit(Commit { usage: vec![talk.settles(1, used)], ..talk.commit() });
    scene.broken() == [Invariant::Budget]
}

#[test]
fn answered_call_costs_what_the_model_told_or_what_was_counted() {
    assert!(!is_told(Came::Done(Some(40)), 40));
    assert!(is_told(Came::Done(Some(40)), 41));
    assert!(is_told(Came::Done(Some(40)), PROMPT + SAID));
    assert!(!is_told(Came::Done(None), PROMPT + SAID));
    assert!(is_told(Came::Done(None), PROMPT + SAID + 1));
}

#[test]
fn call_that_failed_costs_what_was_heard() {
    assert!(!is_told(Came::Refused, 0));
    assert!(is_told(Came::Refused, PROMPT));
    assert!(!is_told(Came::BrokeOff, PROMPT + SAID));
    assert!(is_told(Came::BrokeOff, PROMPT));
}

#[test]
fn call_that_somebody_broke_off_costs_what_was_heard_by_then() {
    assert!(!is_told(Came::Running, PROMPT));
    assert!(!is_told(Came::Running, PROMPT + SAID));
    assert!(is_told(Came::Running, PROMPT - 1));
    assert!(is_told(Came::Running, PROMPT + SAID + 1));
}

#[test]
fn reservation_is_used_up_only_with_its_worker_lost() {
    assert!(is_told(Came::Running, RESERVED));

    let (scene, talk) = reserved();
    let call = scene.audit.call_begins(talk.turn(1), PROMPT);
    scene.audit.call_came(call, SAID, Came::Running);
    scene.claim(WorkKind::Turns);
    scene.commit(Commit { usage: vec![talk.settles(1, RESERVED)], ..talk.commit() });

    assert_eq!(scene.broken(), []);
}

#[test]
fn call_of_a_turn_that_has_nothing_reserved_is_no_ones() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));

    assert_eq!(scene.audit.call_begins(talk.turn(1), PROMPT), None);
}

#[test]
fn worker_that_stops_before_it_calls_pays_nothing_whoever_else_calls() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.ready(&talk, 1);
    let lost = scene.claim(WorkKind::Turns);
    scene.commit(under(&lost, Commit { release: true, ..talk.survives(1, 1) }));
    let holds = scene.claim(WorkKind::Turns);
    let usage = vec![talk.reserves(1, RESERVED)];
    scene.commit(under(&holds, Commit { usage, ..talk.survives(1, 2) }));

    // The worker that lost the turn calls for it.
    let call = scene.audit.call_begins(talk.turn(1), PROMPT);
    scene.audit.call_came(call, SAID, Came::Running);
    scene.commit(Commit { usage: vec![talk.settles(1, 0)], ..talk.commit() });

    assert_eq!(scene.broken(), []);
}
