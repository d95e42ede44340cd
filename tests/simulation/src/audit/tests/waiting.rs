//! When what waits in the memory queue is due.

use std::time::Duration;

use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::ports::MemoryQueue;
use soma_core::ports::memory_queue::{SettledWrite, WriteOutcome};
use soma_core::time::Timestamp;
use soma_core::work::commit::Commit;

use super::{Scene, now};
use crate::audit::Unrest;

/// When the memory queue is due next, if nothing else is left to do and it is known.
fn first_due(scene: &Scene) -> Option<Timestamp> {
    scene.relay();
    match scene.audit.unrest() {
        Some(Unrest::Memories { first_due, .. }) => first_due,
        unrest => panic!("{unrest:?}"),
    }
}

/// A scene in which something is to be remembered, and nothing else is left to do.
fn remembers(talk: &Talk) -> Scene {
    let scene = Scene::new();
    scene.commit(Commit { memory: vec![talk.memory("one")], ..talk.says("one") });
    scene
}

#[test]
fn write_that_nobody_took_up_may_be_due_at_once() {
    assert_eq!(first_due(&remembers(&talk(1))), None);
}

#[test]
fn write_is_due_when_it_is_put_off_no_longer() {
    let scene = remembers(&talk(1));
    let lanes = scene.memory_lanes(1);
    let due = now(scene.ledger.due(&lanes, 1)).remove(0);
    assert_eq!(first_due(&scene), None, "it may be made now");

    let outcome = WriteOutcome::PutOff(Duration::from_mins(2));
    now(MemoryQueue::settle(&scene.ledger, &lanes, &[SettledWrite { due, outcome }]));

    assert_eq!(first_due(&scene), Some(NOW + Duration::from_mins(2)));
}

#[test]
fn session_that_is_forgotten_again_is_due_then() {
    let talk = talk(1);
    let scene = remembers(&talk);
    now(soma_core::ports::Store::erase(&scene.ledger, &talk.tenant, talk.session_id, NOW));
    assert_eq!(first_due(&scene), None, "it is to be forgotten at once");

    let forget = now(scene.ledger.forgets(1)).remove(0);
    now(scene.ledger.forgot(&forget, Some(Duration::from_mins(1))));

    assert_eq!(first_due(&scene), Some(NOW + Duration::from_mins(1)));
}
