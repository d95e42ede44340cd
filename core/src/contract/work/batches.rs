//! A batch moves the position and makes its work ready, or does neither.

use super::super::Fixture;
use super::super::ledger::{AFTER_TTL, Ledger, NOW, owner, partition};
use super::super::talk::{Talk, talk};
use crate::digest::Digest32;
use crate::outbox::topic::Topic;
use crate::outbox::wire::Subject;
use crate::work::commit::WorkKind;
use crate::work::ingest::{Batch, BatchOutcome, WorkBatch};
use crate::work::lease::PartitionLease;

/// A batch of one record, with which the first turn's message arrives, and one unreadable one.
fn batch(talk: &Talk, lease: PartitionLease) -> WorkBatch {
    Batch {
        next_offset: lease.next_offset + 2,
        last: Some(Digest32::of(b"unreadable")),
        lease,
        at: NOW,
        items: vec![talk.arrival(Subject::Turn(talk.turn(1)))],
        dead: vec![talk.letter("unreadable")],
    }
}

async fn lease(ledger: &Ledger) -> PartitionLease {
    ledger.lease(&partition(Topic::ConversationInbound)).await
}

async fn assert_untouched(ledger: &Ledger) {
    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
}

pub async fn batch_moves_the_position_and_makes_its_work_ready(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let batch = batch(&talk, lease(&ledger).await);

    let outcome = ledger.work.ingest(batch.clone()).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Applied);
    let moved = lease(&ledger).await;
    assert_eq!((moved.next_offset, moved.last), (batch.next_offset, batch.last));
    assert!(ledger.claim(WorkKind::Turns).await.is_some());
}

/// The log was cut: what was applied is no longer in it.
pub async fn batch_may_move_the_position_back(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.work.ingest(batch(&talk, lease(&ledger).await)).await.unwrap();
    let held = lease(&ledger).await;
    let back = WorkBatch { next_offset: 0, last: None, ..batch(&talk, held) };

    let outcome = ledger.work.ingest(back.clone()).await.unwrap();
    let again = ledger.work.ingest(back).await.unwrap();

    let moved = lease(&ledger).await;
    assert_eq!((outcome, again), (BatchOutcome::Applied, BatchOutcome::AlreadyDone));
    assert_eq!((moved.next_offset, moved.last), (0, None));
}

pub async fn batch_under_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let old = lease(&ledger).await;
    let new = lease(&ledger).await;

    let outcome = ledger.work.ingest(batch(&talk, old)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    let kept = lease(&ledger).await;
    assert_eq!((kept.next_offset, kept.last), (new.next_offset, None));
    assert_untouched(&ledger).await;
}

pub async fn batch_of_an_older_epoch_is_fenced_though_it_was_applied(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let batch = batch(&talk, lease(&ledger).await);
    ledger.work.ingest(batch.clone()).await.unwrap();
    lease(&ledger).await;

    let outcome = ledger.work.ingest(batch).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
}

pub async fn batch_of_another_owner_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let old = lease(&ledger).await;
    ledger.clock.advance(AFTER_TTL).await;
    let new = ledger.lease_for(&old.resource, owner(2)).await.unwrap();

    let outcome = ledger.work.ingest(batch(&talk, old)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger).await;
    assert_eq!(ledger.work.ingest(batch(&talk, new)).await.unwrap(), BatchOutcome::Applied);
}

pub async fn batch_from_a_later_position_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let held = lease(&ledger).await;
    let ahead = PartitionLease { next_offset: held.next_offset + 1, ..held };

    let outcome = ledger.work.ingest(batch(&talk, ahead)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger).await;
}

/// The records between were applied, those after were not: neither answer would be true.
pub async fn batch_from_between_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let held = lease(&ledger).await;
    let first = WorkBatch {
        next_offset: held.next_offset + 1,
        items: Vec::new(),
        dead: Vec::new(),
        ..batch(&talk, held.clone())
    };
    ledger.work.ingest(first).await.unwrap();
    ledger.commit(talk.accepts(1)).await;

    let outcome = ledger.work.ingest(batch(&talk, held)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger).await;
}

pub async fn batch_that_was_applied_is_already_done(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let first = batch(&talk, lease(&ledger).await);
    ledger.work.ingest(first.clone()).await.unwrap();
    let held = PartitionLease { next_offset: first.next_offset, ..first.lease.clone() };
    let second = WorkBatch { items: Vec::new(), dead: Vec::new(), ..batch(&talk, held) };

    let first_again = ledger.work.ingest(first.clone()).await.unwrap();
    ledger.work.ingest(second.clone()).await.unwrap();
    let late = [
        ledger.work.ingest(first).await.unwrap(),
        ledger.work.ingest(second.clone()).await.unwrap(),
    ];

    assert_eq!(first_again, BatchOutcome::AlreadyDone);
    assert_eq!(late, [BatchOutcome::AlreadyDone; 2]);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await.len(), 1);
    assert_eq!(lease(&ledger).await.next_offset, second.next_offset);
}

pub async fn records_that_could_not_be_read_are_dead_letters(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;

    ledger.work.ingest(batch(&talk, lease(&ledger).await)).await.unwrap();

    let published = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(published, [talk.letter("unreadable").message(&talk.tenant)]);
}

pub async fn position_survives_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    let batch = batch(&talk, lease(&ledger).await);
    ledger.work.ingest(batch.clone()).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { batch.next_offset } else { 0 };
    assert_eq!(lease(&ledger).await.next_offset, expected);
    assert_eq!(ledger.claim(WorkKind::Turns).await.is_some(), F::DURABLE);
}
