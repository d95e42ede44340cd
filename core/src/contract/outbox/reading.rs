//! Rows are read together, in the order of each key, until they are settled.

use std::collections::BTreeSet;

use super::super::damage::Damaged;
use super::super::ledger::{Ledger, MANY, NOW, at};
use super::super::talk::{talk, text};
use super::super::{Fixture, at_once};
use super::settling::settle;
use super::{in_lanes, lane, lease, read, send, texts};
use crate::outbox::lane::Lane;
use crate::outbox::message::OutboxMessage;
use crate::outbox::topic::Topic;
use crate::ports::outbox::OutboxDepth;
use crate::work::commit::Commit;

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

pub async fn lanes_are_read_together_up_to_a_limit(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talks) = (fixture.open().await, in_lanes(6));
    for text in ["a", "b"] {
        for talk in &talks {
            send(&ledger, talk, text).await;
        }
    }
    let lanes: Vec<Lane> = talks.iter().map(lane).collect();

    let rows = ledger.outbox.read(&lanes, 0, MANY).await.unwrap();
    let some = ledger.outbox.read(&lanes, 0, 7).await.unwrap();

    assert_eq!(rows.len(), 12);
    let found: BTreeSet<Lane> = rows.iter().map(|row| row.lane).collect();
    assert_eq!(found, lanes.into_iter().collect());
    assert!(rows.is_sorted_by(|earlier, later| earlier.id < later.id), "{rows:?}");
    assert_eq!(some, rows[..7]);
}

pub async fn lanes_that_are_not_asked_for_are_not_read(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talks) = (fixture.open().await, in_lanes(5));
    for talk in &talks {
        send(&ledger, talk, "a").await;
    }
    let some = [lane(&talks[1]), lane(&talks[3])];

    let rows = ledger.outbox.read(&some, 0, MANY).await.unwrap();

    assert_eq!(rows.iter().map(|row| row.lane).collect::<BTreeSet<_>>(), some.into());
    assert_eq!(ledger.outbox.read(&[], 0, MANY).await.unwrap(), []);
    let one = ledger.outbox.read(&some[1..], 0, 1).await.unwrap();
    assert_eq!(one.len(), 1, "rows of other lanes are not counted");
}

pub async fn reading_goes_on_above_a_row(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for text in ["a", "b", "c"] {
        send(&ledger, &talk, text).await;
    }
    let rows = read(&ledger, &talk, MANY).await;

    let above = ledger.outbox.read(&[lane(&talk)], rows[0].id, MANY).await.unwrap();
    let end = ledger.outbox.read(&[lane(&talk)], rows[2].id, MANY).await.unwrap();

    assert_eq!((above, end), (rows[1..].to_vec(), Vec::new()));
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

pub async fn rows_of_many_keys_at_once_are_in_the_order_of_each(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talks) = (fixture.open().await, in_lanes(8));

    let senders = talks.iter().map(async |talk| {
        for number in 0..8 {
            send(&ledger, talk, &number.to_string()).await;
        }
    });
    at_once(&fixture, senders).await;

    let lanes: Vec<Lane> = Lane::all().collect();
    let rows = ledger.outbox.read(&lanes, 0, MANY).await.unwrap();
    let expected: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    for talk in talks {
        let own = rows.iter().filter(|row| row.lane == lane(&talk)).cloned();
        assert_eq!(texts(&own.collect::<Vec<_>>()), expected);
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
        settle(&ledger, lease.clone(), &[row.id]).await;
        ids.push(row.id);
    }

    assert!(ids.is_sorted_by(|earlier, later| earlier < later), "{ids:?}");
}

pub async fn row_is_in_the_lane_of_its_key(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=40 {
        send(&ledger, &talk(number), "a").await;
        ledger.commit(talk(number).says("b")).await;
    }

    let mut lanes = BTreeSet::new();
    for lane in Lane::all() {
        for row in ledger.outbox.read(&[lane], 0, MANY).await.unwrap() {
            assert_eq!((row.lane, Lane::of(&row.messages[0].key)), (lane, lane));
            lanes.insert(lane);
        }
    }

    assert_eq!(ledger.pending().await.len(), 80);
    assert!(lanes.len() > 4, "{lanes:?}");
}

pub async fn events_of_a_commit_are_one_row(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    let three = ["a", "b", "c"].map(|text| talk.said(text)).to_vec();

    let events = ledger.commit(Commit { events: three, ..talk.commit() }).await;
    let later = ledger.commit(talk.says("d")).await;

    let of = |event| OutboxMessage::event(&talk.tenant, event, None);
    let rows = read(&ledger, &talk, MANY).await;
    let messages: Vec<_> = rows.into_iter().map(|row| row.messages).collect();
    assert_eq!(messages, [events.iter().map(of).collect(), vec![of(&later[0])]]);
}

pub async fn row_is_read_again_until_it_is_settled(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    ledger.commit(talk.says("b")).await;

    let looks = (read(&ledger, &talk, MANY).await, read(&ledger, &talk, MANY).await);

    assert_eq!(looks.0.len(), 2);
    assert_eq!(looks.0, looks.1);
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

    settle(&ledger, lease, &[first[0].id]).await;

    assert_eq!(empty, OutboxDepth { rows: 0, oldest: None });
    assert_eq!(full, OutboxDepth { rows: 2, oldest: Some(NOW) });
    let left = ledger.outbox.depth().await.unwrap();
    assert_eq!(left, OutboxDepth { rows: 1, oldest: Some(at(5)) });
}

pub async fn rows_survive_a_restart<F: Fixture<Port = Ledger>>(fixture: F) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "a").await;
    ledger.commit(talk.says("event")).await;
    let rows = ledger.pending().await;
    assert_eq!(rows.len(), 2);
    drop(ledger);

    let ledger = fixture.open().await;

    assert_eq!(ledger.pending().await, if F::DURABLE { rows } else { Vec::new() });
    send(&ledger, &talk, "b").await;
    let sent = ledger.published(Topic::ToolRequests).await;
    let texts: Vec<String> = sent.iter().map(text).collect();
    assert_eq!(texts, if F::DURABLE { vec!["a", "b"] } else { vec!["b"] });
}

pub async fn row_that_cannot_be_read_is_handed_over_and_stops_no_other(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    send(&ledger, &talk, "damaged").await;
    send(&ledger, &talk, "whole").await;
    let before = read(&ledger, &talk, MANY).await;

    ledger.damage.damage(Damaged::OutboxRow(talk.session_id)).await;

    let rows = read(&ledger, &talk, MANY).await;
    assert_eq!((rows[0].id, &rows[0].messages[..]), (before[0].id, &[][..]));
    let unreadable = rows[0].unreadable.as_ref().unwrap();
    assert!(unreadable.raw.contains("damaged"), "{unreadable:?}");
    assert!(!unreadable.error.is_empty());
    assert_eq!(rows[1..], before[1..]);
}
