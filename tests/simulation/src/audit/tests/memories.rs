//! Memories: each made once, replicated, and gone with its session.

use soma_core::contract::ledger::{MANY, NOW, TTL, owner};
use soma_core::contract::talk::talk;
use soma_core::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use soma_core::ports::{Memory, MemoryQueue, Store};
use soma_core::work::commit::Commit;

use super::{Scene, now};
use crate::audit::Invariant;

#[test]
fn write_that_is_never_made_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { memory: vec![talk.memory("hello")], ..talk.says("hello") });

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::Drains]);
}

#[test]
fn write_that_is_settled_and_not_made_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { memory: vec![talk.memory("hello")], ..talk.says("hello") });
    let due = now(scene.ledger.due(owner(1), TTL, MANY)).remove(0);
    let made = SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
    now(MemoryQueue::settle(&scene.ledger, &[made]));

    scene.audit.at_rest(&scene.memory);

    // It is neither in the memory nor in the replica.
    assert_eq!(scene.broken(), [Invariant::NothingLost, Invariant::NothingLost]);
}

#[test]
fn write_that_the_memory_lied_about_is_no_breach() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    let session = talk.session_id;
    now(scene.memory.forget_session(&talk.tenant, session));

    scene.audit.memory_lied(&talk.memory("message 1").key);
    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn event_that_is_to_be_remembered_under_two_keys_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let write = talk.memory("hello");
    let mut other = write.clone();
    other.key.push_str("/2");

    scene.commit(Commit { memory: vec![write, other], ..talk.says("hello") });

    assert_eq!(scene.broken(), [Invariant::NothingDuplicated]);
}

#[test]
fn write_that_is_settled_under_an_older_token_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { memory: vec![talk.memory("hello")], ..talk.says("hello") });
    let due = now(scene.ledger.due(owner(1), TTL, MANY)).remove(0);

    let stale = DueWrite { token: due.token - 1, ..due };
    let stale = SettledWrite { due: stale, outcome: WriteOutcome::Made(NOW) };
    let wrong = scene.audit.books().memories.settled(&stale).unwrap_err();

    assert_eq!(wrong.0, Invariant::Fencing);
}

#[test]
fn memory_of_an_erased_session_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    now(scene.ledger.erase(&talk.tenant, talk.session_id, NOW));

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::TenantIsolation]);
}

#[test]
fn erased_session_with_all_of_it_forgotten_is_clean() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    now(scene.memory.forget_session(&talk.tenant, talk.session_id));
    now(scene.ledger.erase(&talk.tenant, talk.session_id, NOW));

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn memory_that_was_not_to_be_is_told_at_rest() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.history(&talk);
    now(scene.memory.remember(&[talk.memory("something else")]));

    scene.audit.at_rest(&scene.memory);

    assert_eq!(scene.broken(), [Invariant::FailClosed]);
}
