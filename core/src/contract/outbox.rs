//! The suite of [`Outbox`](crate::ports::Outbox).
#![expect(missing_docs, reason = "the name of a case is its sentence")]

use std::collections::BTreeSet;

use super::ledger::{AFTER_TTL, Ledger, MANY, NOW, at, owner};
use super::talk::{Talk, talk};
use super::{Fixture, at_once};
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxRow;
use crate::outbox::topic::Topic;
use crate::ports::outbox::OutboxDepth;
use crate::work::commit::Commit;
use crate::work::lease::{PartitionLease, Resource};

super::suite! { outbox:
    lane_is_read_in_the_order_of_commits,
    no_row_appears_below_one_that_was_read,
    id_of_a_row_that_is_gone_is_not_given_again,
    row_is_in_the_lane_of_its_key,
    lanes_are_those_with_rows,
    row_is_read_again_until_it_is_settled,
    settled_rows_are_gone_and_only_those,
    settlement_under_a_lease_that_was_taken_over_changes_nothing,
    settlement_under_an_older_epoch_changes_nothing,
    buried_row_is_a_dead_letter,
    dead_lettering_under_a_lease_that_was_taken_over_changes_nothing,
    depth_tells_how_many_rows_wait_and_since_when,
    rows_survive_a_restart,
}

/// Commits one message, and nothing else that is published.
async fn send(ledger: &Ledger, talk: &Talk, text: &str) {
    let outbox = vec![talk.message(Topic::ToolRequests, text)];
    ledger.commit(Commit { outbox, ..talk.commit() }).await;
}

fn lane(talk: &Talk) -> Lane {
    Lane::of(&talk.session_id.to_string())
}

async fn read(ledger: &Ledger, talk: &Talk, limit: usize) -> Vec<OutboxRow> {
    ledger.outbox.read(lane(talk), limit).await.unwrap()
}

fn texts(rows: &[OutboxRow]) -> Vec<&str> {
    rows.iter().map(|row| row.message.payload["text"].as_str().unwrap()).collect()
}

async fn lease(ledger: &Ledger, talk: &Talk) -> PartitionLease {
    ledger.lease(&Resource::Lane(lane(talk))).await
}

/// A lease of the lane that another owner took over.
async fn lost_lease(ledger: &Ledger, talk: &Talk) -> PartitionLease {
    let old = lease(ledger, talk).await;
    ledger.clock.advance(AFTER_TTL).await;
    ledger.lease_for(&old.resource, owner(2)).await.unwrap();
    old
}

pub async fn lane_is_read_in_the_order_of_commits(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["c", "a", "b"] {
        send(&ledger, &talk, text).await;
    }

    let rows = read(&ledger, &talk, MANY).await;

    assert_eq!(texts(&rows), ["c", "a", "b"]);
    assert!(rows.is_sorted_by(|earlier, later| earlier.id < later.id), "{rows:?}");
    assert_eq!(texts(&read(&ledger, &talk, 2).await), ["c", "a"]);
}

pub async fn no_row_appears_below_one_that_was_read(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let texts = (0..32).map(|number| number.to_string()).collect::<Vec<_>>();

    let asked = texts.iter().map(async |text| {
        send(&ledger, &talk, text).await;
        read(&ledger, &talk, MANY).await
    });
    let looks = at_once(&fixture, asked).await;

    let last = read(&ledger, &talk, MANY).await;
    assert_eq!(last.len(), 32, "each message is a row");
    for look in looks {
        assert!(last.starts_with(&look), "{last:?} does not go on from {look:?}");
    }
}

/// A relay that settles late would delete a row that it never published.
pub async fn id_of_a_row_that_is_gone_is_not_given_again(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let lease = lease(&ledger, &talk).await;
    let mut ids = Vec::new();
    for text in ["a", "b", "c"] {
        send(&ledger, &talk, text).await;
        let row = read(&ledger, &talk, 1).await.remove(0);
        ledger.outbox.settle(&lease, &[row.id]).await.unwrap();
        ids.push(row.id);
    }

    assert!(ids.is_sorted_by(|earlier, later| earlier < later), "{ids:?}");
}

pub async fn row_is_in_the_lane_of_its_key(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=40 {
        send(&ledger, &talk(number), "a").await;
        send(&ledger, &talk(number), "b").await;
    }

    let mut lanes = BTreeSet::new();
    for lane in Lane::all() {
        for row in ledger.outbox.read(lane, MANY).await.unwrap() {
            assert_eq!((row.lane, Lane::of(&row.message.key)), (lane, lane));
            lanes.insert(lane);
        }
    }

    assert_eq!(ledger.pending().await.len(), 80);
    assert!(lanes.len() > 4, "{lanes:?}");
}

pub async fn lanes_are_those_with_rows(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let none = ledger.outbox.lanes().await.unwrap();
    let mut sent = BTreeSet::new();
    for number in 1..=6 {
        let talk = self::talk(number);
        send(&ledger, &talk, "a").await;
        sent.insert(lane(&talk));
    }
    let all = ledger.outbox.lanes().await.unwrap();
    let ids = read(&ledger, &talk, MANY).await.iter().map(|row| row.id).collect::<Vec<_>>();
    let lease = lease(&ledger, &talk).await;

    ledger.outbox.settle(&lease, &ids).await.unwrap();

    assert_eq!((none, all), (BTreeSet::new(), sent.clone()));
    sent.remove(&lane(&talk));
    assert_eq!(ledger.outbox.lanes().await.unwrap(), sent);
    assert!(sent.len() > 1, "{sent:?}");
}

pub async fn row_is_read_again_until_it_is_settled(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;

    let looks = (read(&ledger, &talk, MANY).await, read(&ledger, &talk, MANY).await);

    assert_eq!(looks.0.len(), 1);
    assert_eq!(looks.0, looks.1);
}

pub async fn settled_rows_are_gone_and_only_those(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b", "c"] {
        send(&ledger, &talk, text).await;
    }
    let rows = read(&ledger, &talk, MANY).await;
    let lease = lease(&ledger, &talk).await;

    let settled = ledger.outbox.settle(&lease, &[rows[0].id, rows[2].id]).await.unwrap();
    let again = ledger.outbox.settle(&lease, &[rows[0].id]).await.unwrap();

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

    let settled = ledger.outbox.settle(&old, &[rows[0].id]).await.unwrap();

    assert!(!settled);
    assert_eq!(read(&ledger, &talk, MANY).await, rows);
}

pub async fn settlement_under_an_older_epoch_changes_nothing(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = read(&ledger, &talk, MANY).await;
    let old = lease(&ledger, &talk).await;
    lease(&ledger, &talk).await;

    let settled = ledger.outbox.settle(&old, &[rows[0].id]).await.unwrap();

    assert!(!settled);
    assert_eq!(read(&ledger, &talk, MANY).await, rows);
}

pub async fn buried_row_is_a_dead_letter(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b"] {
        send(&ledger, &talk, text).await;
    }
    let row = read(&ledger, &talk, 1).await.remove(0);
    let lease = lease(&ledger, &talk).await;
    let letter = talk.letter("too large");

    let dead_lettered = ledger.outbox.dead_letter(&lease, row.id, letter.clone()).await.unwrap();

    assert!(dead_lettered);
    let left = ledger.published(Topic::ToolRequests).await;
    assert_eq!(left, [talk.message(Topic::ToolRequests, "b")]);
    let dead = ledger.published(Topic::ConversationInboundDlq).await;
    assert_eq!(dead, [letter.message(&talk.tenant)]);
}

pub async fn dead_lettering_under_a_lease_that_was_taken_over_changes_nothing(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = ledger.pending().await;
    let old = lost_lease(&ledger, &talk).await;

    let dead_lettered =
        ledger.outbox.dead_letter(&old, rows[0].id, talk.letter("x")).await.unwrap();

    assert!(!dead_lettered);
    assert_eq!(ledger.pending().await, rows);
}

pub async fn depth_tells_how_many_rows_wait_and_since_when(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let empty = ledger.outbox.depth().await.unwrap();
    for seconds in [0, 5] {
        let outbox = vec![talk.message(Topic::ToolRequests, &format!("{seconds}"))];
        ledger.commit(Commit { outbox, at: at(seconds), ..talk.commit() }).await;
    }
    let full = ledger.outbox.depth().await.unwrap();
    let first = read(&ledger, &talk, 1).await;
    let lease = lease(&ledger, &talk).await;

    ledger.outbox.settle(&lease, &[first[0].id]).await.unwrap();

    assert_eq!(empty, OutboxDepth { rows: 0, oldest: None });
    assert_eq!(full, OutboxDepth { rows: 2, oldest: Some(NOW) });
    let left = ledger.outbox.depth().await.unwrap();
    assert_eq!(left, OutboxDepth { rows: 1, oldest: Some(at(5)) });
}

pub async fn rows_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    let rows = ledger.pending().await;
    drop(ledger);

    let ledger = fixture.open().await;

    assert_eq!(ledger.pending().await, if F::DURABLE { rows } else { Vec::new() });
    send(&ledger, &talk, "a").await;
    send(&ledger, &talk, "b").await;
    let found = read(&ledger, &talk, MANY).await;
    assert_eq!(texts(&found), ["a", "b"]);
}
