//! The outbox: published in order, and only then deleted.

use soma_core::contract::ledger::{MANY, NOW};
use soma_core::contract::talk::talk;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::{Outbox, Store};
use soma_core::work::commit::Commit;
use soma_core::work::lease::{PartitionLease, Resource};

use super::{Scene, now};
use crate::audit::Invariant;

/// The rows of a session, and the lease of their lane.
pub(super) fn rows(scene: &Scene, key: &str) -> (PartitionLease, Vec<OutboxRow>) {
    let lane = Lane::of(key);
    let lease = scene.lease(&Resource::Lane(lane));
    (lease, now(scene.ledger.read(&[lane], 0, MANY)))
}

#[test]
fn row_that_is_deleted_before_it_is_published_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.says("hello"));
    let (lease, rows) = rows(&scene, &talk.session_id.to_string());

    scene.settle(lease, &rows[..1]);

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
}

#[test]
fn row_of_which_one_event_was_not_published_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let two = vec![talk.said("one"), talk.said("two")];
    scene.commit(Commit { events: two, ..talk.commit() });
    let (lease, rows) = rows(&scene, &talk.session_id.to_string());
    let first = OutboxRow { messages: rows[0].messages[..1].to_vec(), ..rows[0].clone() };

    scene.publish(&first);
    scene.settle(lease, &rows);

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
}

#[test]
fn events_of_one_row_that_are_published_out_of_order_are_told() {
    let scene = Scene::new();
    let talk = talk(1);
    let two = vec![talk.said("one"), talk.said("two")];
    scene.commit(Commit { events: two, ..talk.commit() });
    let (_, mut rows) = rows(&scene, &talk.session_id.to_string());

    rows[0].messages.reverse();
    scene.publish(&rows[0]);

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn rows_that_are_published_out_of_order_are_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.says("one"));
    scene.commit(talk.says("two"));
    let (_, rows) = rows(&scene, &talk.session_id.to_string());

    scene.publish(&rows[1]);
    scene.publish(&rows[0]);

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn row_that_is_published_again_is_no_breach() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.says("one"));
    scene.commit(talk.says("two"));
    let (_, rows) = rows(&scene, &talk.session_id.to_string());

    scene.publish(&rows[0]);
    scene.publish(&rows[1]);
    scene.publish(&rows[0]);

    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn row_of_an_erased_session_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.says("one"));
    let (_, rows) = rows(&scene, &talk.session_id.to_string());
    now(scene.ledger.erase(&talk.tenant, talk.session_id, NOW));

    let late = OutboxRow { id: 99, ..rows[0].clone() };
    let wrong = scene.audit.books().publications.read(&[late]).unwrap_err();

    assert_eq!(wrong.0, Invariant::TenantIsolation);
}
