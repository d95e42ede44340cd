//! The suite of [`Replica`](crate::ports::Replica).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use super::Fixture;
use super::ledger::{AFTER_TTL, Ledger, NOW, at, owner, partition};
use super::talk::{Talk, talk, talk_of};
use crate::digest::Digest32;
use crate::memory::{MemoryWrite, WalEvent};
use crate::outbox::topic::Topic;
use crate::work::ingest::{BatchOutcome, ReplicaBatch};
use crate::work::lease::PartitionLease;

super::suite! { replica:
    batch_inserts_its_rows_and_moves_the_position,
    batch_may_move_the_position_back,
    event_that_is_there_is_skipped,
    dead_letters_of_a_batch_are_kept,
    batch_under_an_older_epoch_changes_nothing,
    batch_under_a_lease_that_was_taken_over_changes_nothing,
    batch_from_another_position_changes_nothing,
    batch_that_was_applied_is_already_done,
    row_belongs_to_its_own_tenant,
    erased_session_leaves_no_row,
    row_of_an_erased_session_is_not_inserted,
    rows_survive_a_restart,
}

async fn lease(ledger: &Ledger) -> PartitionLease {
    ledger.lease(&partition(Topic::MemoryWal)).await
}

fn row(talk: &Talk, text: &str) -> WalEvent {
    WalEvent::new(talk.memory(text), NOW)
}

/// A batch of one row and one unreadable record.
fn batch(talk: &Talk, lease: PartitionLease) -> ReplicaBatch {
    ReplicaBatch {
        next_offset: lease.next_offset + 2,
        last: Some(Digest32::of(b"unreadable")),
        lease,
        at: NOW,
        items: vec![row(talk, "a")],
        dead: vec![talk.letter("unreadable")],
    }
}

async fn rows(ledger: &Ledger, talk: &Talk) -> (usize, Option<WalEvent>) {
    let rows = ledger.inspect.replica(&talk.tenant).await;
    let count = rows.len();
    (count, rows.into_iter().find(|row| row.write.event_id == talk.event("a")))
}

async fn assert_untouched(ledger: &Ledger, talk: &Talk) {
    assert_eq!(rows(ledger, talk).await, (0, None));
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
}

pub async fn batch_inserts_its_rows_and_moves_the_position(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let items = vec![row(&talk, "a"), row(&talk, "b")];
    let batch = ReplicaBatch { items, ..batch(&talk, lease(&ledger).await) };

    let outcome = ledger.replica.apply(batch.clone()).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Applied);
    assert_eq!(rows(&ledger, &talk).await, (2, Some(row(&talk, "a"))));
    let moved = lease(&ledger).await;
    assert_eq!((moved.next_offset, moved.last), (batch.next_offset, batch.last));
}

/// The log was cut: what was applied is no longer in it.
pub async fn batch_may_move_the_position_back(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.replica.apply(batch(&talk, lease(&ledger).await)).await.unwrap();
    let held = lease(&ledger).await;
    let back = ReplicaBatch { next_offset: 0, last: None, ..batch(&talk, held) };

    let outcome = ledger.replica.apply(back).await.unwrap();

    let moved = lease(&ledger).await;
    assert_eq!((outcome, moved.next_offset, moved.last), (BatchOutcome::Applied, 0, None));
    assert_eq!(rows(&ledger, &talk).await.0, 1);
}

pub async fn event_that_is_there_is_skipped(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.replica.apply(batch(&talk, lease(&ledger).await)).await.unwrap();
    let write = MemoryWrite { text: "another".into(), ..talk.memory("a") };
    let items = vec![WalEvent::new(write, at(9)), row(&talk, "b"), row(&talk, "b")];

    let again = ReplicaBatch { items, ..batch(&talk, lease(&ledger).await) };
    let outcome = ledger.replica.apply(again).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Applied);
    assert_eq!(rows(&ledger, &talk).await, (2, Some(row(&talk, "a"))));
}

pub async fn dead_letters_of_a_batch_are_kept(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));

    ledger.replica.apply(batch(&talk, lease(&ledger).await)).await.unwrap();

    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [talk.letter("unreadable").message(&talk.tenant)]);
}

pub async fn batch_under_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let old = lease(&ledger).await;
    let new = lease(&ledger).await;

    let outcome = ledger.replica.apply(batch(&talk, old)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger, &talk).await;
    assert_eq!(lease(&ledger).await.next_offset, new.next_offset);
}

pub async fn batch_under_a_lease_that_was_taken_over_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let old = lease(&ledger).await;
    ledger.clock.advance(AFTER_TTL).await;
    ledger.lease_for(&old.resource, owner(2)).await.unwrap();

    let outcome = ledger.replica.apply(batch(&talk, old)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger, &talk).await;
}

pub async fn batch_from_another_position_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let held = lease(&ledger).await;
    let ahead = PartitionLease { next_offset: held.next_offset + 1, ..held };

    let outcome = ledger.replica.apply(batch(&talk, ahead)).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Fenced);
    assert_untouched(&ledger, &talk).await;
}

pub async fn batch_that_was_applied_is_already_done(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let batch = batch(&talk, lease(&ledger).await);
    ledger.replica.apply(batch.clone()).await.unwrap();

    let again = ReplicaBatch { items: vec![row(&talk, "b")], ..batch.clone() };
    let outcome = ledger.replica.apply(again).await.unwrap();

    assert_eq!(outcome, BatchOutcome::AlreadyDone);
    assert_eq!(rows(&ledger, &talk).await.0, 1);
    assert_eq!(lease(&ledger).await.next_offset, batch.next_offset);
}

pub async fn row_belongs_to_its_own_tenant(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, ours, theirs) = (fixture.open().await, talk_of("acme", 1), talk_of("globex", 1));

    ledger.replica.apply(batch(&ours, lease(&ledger).await)).await.unwrap();

    assert_eq!(rows(&ledger, &ours).await, (1, Some(row(&ours, "a"))));
    assert_eq!(rows(&ledger, &theirs).await, (0, None));
}

pub async fn erased_session_leaves_no_row(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, gone, kept) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(gone.commit()).await;
    let items = vec![row(&gone, "a"), row(&kept, "a")];
    let batch = ReplicaBatch { items, ..batch(&gone, lease(&ledger).await) };
    ledger.replica.apply(batch).await.unwrap();

    ledger.store.erase(&gone.tenant, gone.session_id, NOW).await.unwrap();

    assert_eq!(rows(&ledger, &gone).await, (1, None));
    assert_eq!(rows(&ledger, &kept).await, (1, Some(row(&kept, "a"))));
}

/// Its record was on its way through the log when the session was erased.
pub async fn row_of_an_erased_session_is_not_inserted(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, gone, kept) = (fixture.open().await, talk(1), talk(2));
    ledger.commit(gone.commit()).await;
    ledger.store.erase(&gone.tenant, gone.session_id, NOW).await.unwrap();

    let items = vec![row(&gone, "a"), row(&kept, "a")];
    let batch = ReplicaBatch { items, ..batch(&kept, lease(&ledger).await) };
    ledger.replica.apply(batch).await.unwrap();

    assert_eq!(rows(&ledger, &gone).await, (1, None));
    assert_eq!(rows(&ledger, &kept).await, (1, Some(row(&kept, "a"))));
}

pub async fn rows_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.replica.apply(batch(&talk, lease(&ledger).await)).await.unwrap();
    drop(ledger);

    let ledger = fixture.open().await;

    let expected = if F::DURABLE { (1, Some(row(&talk, "a"))) } else { (0, None) };
    assert_eq!(rows(&ledger, &talk).await, expected);
    assert_eq!(lease(&ledger).await.next_offset, if F::DURABLE { 2 } else { 0 });
}
