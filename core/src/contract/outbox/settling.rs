//! Settling: under a lease that holds, of the rows that are named, with their dead letters.

use super::super::ledger::{AFTER_TTL, Ledger, MANY, NOW, owner};
use super::super::talk::{Talk, talk};
use super::super::{Fixture, at_once};
use super::{in_lanes, lane, lease, read, send, texts};
use crate::outbox::dead::DeadLetter;
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::outbox::topic::Topic;
use crate::ports::outbox::{SettledRow, Settlement};
use crate::work::lease::PartitionLease;

fn ids(rows: &[OutboxRow]) -> Vec<u64> {
    rows.iter().map(|row| row.id).collect()
}

/// A lease of the lane that another owner took over.
async fn lost_lease(ledger: &Ledger, talk: &Talk) -> PartitionLease {
    let old = lease(ledger, talk).await;
    ledger.clock.advance(AFTER_TTL).await;
    ledger.lease_for(&old.resource, owner(2)).await.unwrap();
    old
}

fn settlement(lease: PartitionLease, ids: &[u64]) -> Settlement {
    let rows = ids.iter().map(|id| SettledRow { id: *id, dead: Vec::new() }).collect();
    Settlement { lease, rows }
}

pub(super) async fn settle(ledger: &Ledger, lease: PartitionLease, ids: &[u64]) -> bool {
    let held = ledger.outbox.settle(&[settlement(lease, ids)]).await.unwrap();
    assert_eq!(held.len(), 1);
    held[0]
}

async fn settle_dead(ledger: &Ledger, lease: PartitionLease, id: u64, letter: DeadLetter) -> bool {
    let rows = vec![SettledRow { id, dead: vec![letter] }];
    ledger.outbox.settle(&[Settlement { lease, rows }]).await.unwrap()[0]
}

pub async fn settled_rows_are_gone_and_only_those(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b", "c"] {
        send(&ledger, &talk, text).await;
    }
    let rows = read(&ledger, &talk, MANY).await;
    let lease = lease(&ledger, &talk).await;

    let settled = settle(&ledger, lease.clone(), &[rows[0].id, rows[2].id]).await;
    let again = settle(&ledger, lease, &[rows[0].id]).await;

    assert!(settled && again);
    assert_eq!(texts(&read(&ledger, &talk, MANY).await), ["b"]);
}

pub async fn settlement_under_a_lease_that_was_taken_over_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = read(&ledger, &talk, MANY).await;
    let old = lost_lease(&ledger, &talk).await;

    let settled = settle(&ledger, old, &ids(&rows)).await;

    assert!(!settled);
    assert_eq!(read(&ledger, &talk, MANY).await, rows);
}

pub async fn settlement_under_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = read(&ledger, &talk, MANY).await;
    let old = lease(&ledger, &talk).await;
    lease(&ledger, &talk).await;

    let settled = settle(&ledger, old, &ids(&rows)).await;

    assert!(!settled);
    assert_eq!(read(&ledger, &talk, MANY).await, rows);
}

pub async fn settlement_of_a_row_of_another_lane_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talks) = (fixture.open().await, in_lanes(2));
    send(&ledger, &talks[0], "a").await;
    let rows = ledger.pending().await;
    let other = lease(&ledger, &talks[1]).await;

    settle(&ledger, other, &ids(&rows)).await;

    assert_eq!(ledger.pending().await, rows);
}

pub async fn each_of_many_settlements_is_judged_by_its_own_lease(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talks) = (fixture.open().await, in_lanes(3));
    for talk in &talks {
        send(&ledger, talk, "a").await;
    }
    let lost = lost_lease(&ledger, &talks[1]).await;
    let leases = [lease(&ledger, &talks[0]).await, lost, lease(&ledger, &talks[2]).await];
    let mut settlements = Vec::new();
    for (talk, lease) in talks.iter().zip(leases) {
        settlements.push(settlement(lease, &ids(&read(&ledger, talk, MANY).await)));
    }
    let letter = talks[1].letter("not to be kept");
    settlements[1].rows[0].dead.push(letter);

    let held = ledger.outbox.settle(&settlements).await.unwrap();

    assert_eq!(held, [true, false, true]);
    let left: Vec<Lane> = ledger.pending().await.iter().map(|row| row.lane).collect();
    assert_eq!(left, [lane(&talks[1])]);
    assert_eq!(ledger.published(Topic::ConversationInboundDlq).await, []);
}

pub async fn settlements_at_the_same_time_are_each_judged(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talks) = (fixture.open().await, in_lanes(8));
    for talk in &talks {
        send(&ledger, talk, "a").await;
    }
    let lost = lost_lease(&ledger, &talks[0]).await;
    let mut leases = vec![lost];
    for talk in &talks[1..] {
        leases.push(lease(&ledger, talk).await);
    }

    let settlers = talks.iter().zip(leases).map(async |(talk, lease)| {
        let rows = read(&ledger, talk, MANY).await;
        settle(&ledger, lease, &ids(&rows)).await
    });
    let settled = at_once(&fixture, settlers).await;

    assert_eq!(settled.iter().filter(|held| !**held).count(), 1);
    assert!(!settled[0]);
    let left: Vec<Lane> = ledger.pending().await.iter().map(|row| row.lane).collect();
    assert_eq!(left, [lane(&talks[0])]);
}

pub async fn what_can_never_be_published_is_a_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b"] {
        send(&ledger, &talk, text).await;
    }
    let row = read(&ledger, &talk, 1).await.remove(0);
    let lease = lease(&ledger, &talk).await;
    let letter = talk.letter("too large");

    let settled = settle_dead(&ledger, lease, row.id, letter.clone()).await;

    assert!(settled);
    let left = ledger.published(Topic::ToolRequests).await;
    assert_eq!(left, [talk.message(Topic::ToolRequests, "b")]);
    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [letter.message(&talk.tenant)]);
}

/// Its session was erased, or it was settled by a call whose answer was lost.
pub async fn row_that_is_gone_leaves_no_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let row = read(&ledger, &talk, 1).await.remove(0);
    let lease = lease(&ledger, &talk).await;
    ledger.store.erase(&talk.tenant, talk.session_id, NOW).await.unwrap();

    let settled = settle_dead(&ledger, lease, row.id, talk.letter("too late")).await;

    assert!(settled);
    assert_eq!(ledger.pending().await, []);
}

pub async fn dead_letter_under_a_lease_that_was_taken_over_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = ledger.pending().await;
    let old = lost_lease(&ledger, &talk).await;

    let settled = settle_dead(&ledger, old, rows[0].id, talk.letter("x")).await;

    assert!(!settled);
    assert_eq!(ledger.pending().await, rows);
}
