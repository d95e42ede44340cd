//! Positions: under the newest epoch, forward, and with what they stand for.

use soma_core::contract::ledger::{AFTER_TTL, NOW, owner};
use soma_core::contract::talk::talk;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::ports::{Leases, Work};
use soma_core::work::ingest::{Batch, BatchOutcome, WorkBatch};
use soma_core::work::lease::PartitionLease;

use super::outbox::rows;
use super::{Scene, now, partition};
use crate::audit::positions::Move;
use crate::audit::{Invariant, Unrest};

const TOPIC: Topic = Topic::ConversationInbound;

/// A batch that moves the position and does nothing.
fn empty(lease: PartitionLease, next_offset: u64) -> WorkBatch {
    Batch { lease, next_offset, last: None, at: NOW, items: Vec::new(), dead: Vec::new() }
}

#[test]
fn position_that_moves_without_its_work_is_told() {
    let scene = Scene::new();
    scene.commit(talk(1).accepts(1));
    scene.relay();
    let lease = scene.lease(&partition(TOPIC));

    let outcome = now(scene.ledger.ingest(empty(lease, 1)));

    assert_eq!(outcome, BatchOutcome::Applied);
    assert_eq!(scene.broken(), [Invariant::Positions]);
}

#[test]
fn position_that_skips_a_record_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.accepts(1));
    scene.commit(talk.accepts(2));
    scene.relay();
    let lease = scene.lease(&partition(TOPIC));
    let mut arrival = talk.arrival(Subject::Turn(talk.turn(1)));
    arrival.otherwise.offset = Some(0);

    let batch = WorkBatch { items: vec![arrival], ..empty(lease, 2) };
    now(scene.ledger.ingest(batch));

    assert_eq!(scene.broken(), [Invariant::Positions]);
}

#[test]
fn work_that_has_not_arrived_with_its_record_is_told() {
    let scene = Scene::new();
    let (talk, other) = (talk(1), talk(2));
    scene.commit(talk.accepts(1));
    scene.relay();
    let lease = scene.lease(&partition(TOPIC));
    let mut arrival = other.arrival(Subject::Turn(talk.turn(1)));
    arrival.otherwise.offset = Some(0);

    now(scene.ledger.ingest(WorkBatch { items: vec![arrival], ..empty(lease, 1) }));

    assert_eq!(scene.broken(), [Invariant::Positions]);
}

#[test]
fn record_that_is_set_aside_may_be_passed() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.commit(talk.accepts(1));
    scene.relay();
    let lease = scene.lease(&partition(TOPIC));
    let mut letter = talk.letter("unreadable");
    letter.offset = Some(0);

    now(scene.ledger.ingest(WorkBatch { dead: vec![letter], ..empty(lease, 1) }));

    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn batch_under_an_older_lease_is_told() {
    let scene = Scene::new();
    let stale = scene.lease(&partition(TOPIC));
    scene.lease(&partition(TOPIC));

    let wrong = scene.audit.books().positions.moved(&Move::of_work(&empty(stale, 0))).unwrap_err();

    assert_eq!(wrong.0, Invariant::Fencing);
}

#[test]
fn batch_under_a_lease_that_was_given_up_is_told() {
    let scene = Scene::new();
    let lease = scene.lease(&partition(TOPIC));
    now(Leases::release(&scene.ledger, std::slice::from_ref(&lease)));

    let wrong = scene.audit.books().positions.moved(&Move::of_work(&empty(lease, 0))).unwrap_err();

    assert_eq!(wrong.0, Invariant::Fencing);
}

#[test]
fn position_that_was_moved_by_nobody_is_told_when_it_is_taken_over() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let lease = scene.lease(&partition(TOPIC));
    now(scene.behind().ingest(empty(lease, 5)));

    scene.clock.advance(AFTER_TTL);
    scene.lease_for(&partition(TOPIC), owner(2));

    assert_eq!(scene.broken(), [Invariant::Positions]);
}

#[test]
fn position_moves_back_only_where_records_were_lost() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    scene.audit.log_lost(TOPIC, 0, 0);
    let lease = scene.lease(&partition(TOPIC));
    let mut gap = talk.letter("records are missing");
    gap.offset = Some(1);

    now(scene.ledger.ingest(WorkBatch { dead: vec![gap.clone()], ..empty(lease.clone(), 0) }));
    let clean = scene.broken();
    let again = PartitionLease { next_offset: 0, ..lease };
    now(scene.ledger.ingest(empty(again, 3)));

    assert_eq!(clean, []);
    assert_eq!(scene.broken(), [Invariant::Positions]);
}

#[test]
fn partition_that_nobody_ever_read_is_not_at_rest() {
    let scene = Scene::new();
    scene.commit(talk(1).accepts(1));
    scene.relay();
    let positions = &scene.audit.books().positions;

    let (resource, position, end) = positions.behind().unwrap();

    assert_eq!(*resource, partition(TOPIC));
    assert_eq!((position, end), (0, 1));
}

#[test]
fn record_that_comes_to_a_place_that_was_passed_is_told_unless_it_is_the_same() {
    let scene = Scene::new();
    let (talk, other) = (talk(1), talk(2));
    scene.commit(talk.accepts(1));
    let (_, rows) = rows(&scene, &talk.session_id.to_string());
    scene.relay();
    scene.arrive(&talk, TOPIC, Subject::Turn(talk.turn(1)));
    let cut = || {
        scene.audit.log_lost(TOPIC, 0, 0);
        scene.records.truncate(TOPIC, 0, 0).unwrap();
    };

    cut();
    rows.iter().filter(|row| row.messages[0].topic == TOPIC).for_each(|row| scene.publish(row));
    let same = scene.audit.unrest();
    cut();
    scene.commit(other.accepts(1));
    scene.relay();
    let another = scene.audit.books().positions.unseen().map(|(_, offset)| offset);

    assert!(!matches!(same, Some(Unrest::Unseen { .. })), "{same:?}");
    assert_eq!(another, Some(0));
}
