//! The outbox: published in order, and only then deleted.

use soma_core::contract::ledger::{MANY, NOW};
use soma_core::contract::talk::talk;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::{Outbox, Store};
use soma_core::work::lease::{PartitionLease, Resource};

use super::{Scene, now};
use crate::audit::Invariant;

/// The rows of a session, and the lease of their lane.
pub(super) fn rows(scene: &Scene, key: &str) -> (PartitionLease, Vec<OutboxRow>) {
    let lane = Lane::of(key);
    let lease = scene.lease(&Resource::Lane(lane));
    (lease, now(scene.ledger.read(lane, MANY)))
}

#[test]
fn row_that_is_deleted_before_it_is_published_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.says("hello"));
    let (lease, rows) = rows(&scene, &talk.session_id.to_string());

    now(Outbox::settle(&scene.ledger, &lease, &[rows[0].id]));

    assert_eq!(scene.broken(), [Invariant::NothingLost]);
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
