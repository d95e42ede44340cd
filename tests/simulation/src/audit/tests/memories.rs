//! Memories: each made once, replicated, and gone with its session.

use soma_core::contract::ledger::{MANY, NOW};
use soma_core::contract::talk::talk;
use soma_core::memory::MemoryWrite;
use soma_core::ports::memory_queue::{SettledWrite, WriteOutcome};
use soma_core::ports::{Memory, MemoryQueue, Store};
use soma_core::work::commit::Commit;

use super::{Scene, now};
use crate::audit::Invariant;
use crate::audit::memories::Memories;

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
    let lanes = scene.memory_lanes(1);
    let due = now(scene.ledger.due(&lanes, MANY)).remove(0);
    let made = SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
    now(MemoryQueue::settle(&scene.ledger, &lanes, &[made]));

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
fn write_that_is_settled_under_an_older_lease_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { memory: vec![talk.memory("hello")], ..talk.says("hello") });
    let older = scene.memory_lanes(1);
    let due = now(scene.ledger.due(&older, MANY)).remove(0);
    scene.memory_lanes(1);

    let made = SettledWrite { due, outcome: WriteOutcome::Made(NOW) };
    let lease = Memories::lease_of(&older, &made).unwrap();
    let wrong = scene.audit.books().positions.fenced(lease).unwrap_err();
    let without = Memories::lease_of(&[], &made).unwrap_err();

    assert_eq!([wrong.0, without.0], [Invariant::Fencing; 2]);
}

#[test]
fn write_that_is_settled_in_place_of_what_replaced_it_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(Commit { memory: vec![talk.memory("hello")], ..talk.says("hello") });
    let older = now(scene.ledger.due(&scene.memory_lanes(1), MANY)).remove(0);
    let newer = MemoryWrite { text: "hello, corrected".into(), ..talk.memory("hello") };
    scene.commit(Commit { memory: vec![newer], ..talk.commit() });

    let made = SettledWrite { due: older, outcome: WriteOutcome::Made(NOW) };
    let wrong = scene.audit.books().memories.settled(&made).unwrap_err();

    assert_eq!(wrong.0, Invariant::NothingLost);
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
