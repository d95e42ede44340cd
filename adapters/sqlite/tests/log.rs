//! The log's retention: what is old goes, what is next stays.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::ports::log::{Bounds, Fetched};
use soma_core::ports::{Log, PortError};
use soma_core::time::Timestamp;
use soma_inproc::{ManualClock, ManualTimer};
use soma_sqlite::{Database, SqliteLog};
use tempfile::TempDir;

const TOPIC: Topic = Topic::ConversationOutbound;
const DAY: Duration = Duration::from_hours(24);

fn day(number: u32) -> Timestamp {
    Timestamp::from_micros(0) + DAY * number
}

fn record(at: Timestamp) -> Record {
    Record { key: "k".into(), value: (&b"v"[..]).into(), headers: BTreeMap::new(), at }
}

fn open(folder: &TempDir) -> SqliteLog {
    let database = Database::open(folder.path().join("soma.db")).unwrap();
    let timer = ManualTimer::new(Arc::new(ManualClock::at(day(0))));
    SqliteLog::new(database, Arc::new(timer))
}

async fn log_of_days(folder: &TempDir, days: &[u32]) -> SqliteLog {
    let log = open(folder);
    let records = days.iter().map(|number| record(day(*number))).collect();
    log.publish(TOPIC, 1, records).await.unwrap();
    log
}

#[tokio::test]
async fn records_older_than_the_retention_are_dropped() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[0, 1, 2, 3, 4]).await;

    let dropped = log.prune(day(9), 7 * DAY).await.unwrap();

    assert_eq!(dropped, 2);
    assert_eq!(log.bounds(TOPIC, 1).await.unwrap(), Bounds { earliest: 2, next: 5 });
}

#[tokio::test]
async fn newest_record_stays_however_old_and_offsets_go_on() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[0, 1, 2]).await;

    let dropped = log.prune(day(1_000), DAY).await.unwrap();
    drop(log);
    let log = open(&folder);
    let next = log.publish(TOPIC, 1, vec![record(day(1_000))]).await.unwrap();

    assert_eq!((dropped, next), (2, 3));
    assert_eq!(log.bounds(TOPIC, 1).await.unwrap(), Bounds { earliest: 2, next: 4 });
}

#[tokio::test]
async fn old_record_among_young_ones_leaves_no_hole() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[0, 9, 0, 9]).await;

    let dropped = log.prune(day(9), DAY).await.unwrap();

    assert_eq!(dropped, 1);
    assert_eq!(log.bounds(TOPIC, 1).await.unwrap(), Bounds { earliest: 1, next: 4 });
}

#[tokio::test]
async fn more_than_fits_in_one_transaction_is_dropped() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &vec![0; 20_002]).await;

    let dropped = log.prune(day(2), DAY).await.unwrap();

    assert_eq!(dropped, 20_001);
}

#[tokio::test]
async fn young_log_is_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[3, 4]).await;

    assert_eq!(log.prune(day(5), 7 * DAY).await.unwrap(), 0);
    assert_eq!(log.bounds(TOPIC, 1).await.unwrap(), Bounds { earliest: 0, next: 2 });
}

#[tokio::test]
async fn fetch_of_what_was_dropped_says_where_the_partition_begins() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[0, 1, 9]).await;
    log.prune(day(9), DAY).await.unwrap();

    let found = log.fetch(TOPIC, 1, 1, 1_000, Duration::ZERO).await.unwrap();

    assert_eq!(found, Fetched::OutOfRange(Bounds { earliest: 2, next: 3 }));
}

#[tokio::test]
async fn partition_that_does_not_exist_is_broken() {
    let folder = TempDir::new().unwrap();
    let log = open(&folder);

    let answer = log.publish(TOPIC, 3, vec![record(day(0))]).await;

    assert!(matches!(answer, Err(PortError::Broken { .. })), "{answer:?}");
}

fn piece(value: &str) -> Record {
    let headers = BTreeMap::from([("type".to_owned(), "assistant.delta".to_owned())]);
    Record { headers, value: value.to_owned().into(), ..record(day(0)) }
}

async fn read(log: &SqliteLog, offset: u64) -> Vec<(u64, String)> {
    let found = log.fetch(TOPIC, 1, offset, 1 << 20, Duration::ZERO).await.unwrap();
    let Fetched::Records(found) = found else { panic!("{found:?}") };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    found.iter().map(|one| (one.offset, text(&one.record.value))).collect()
}

#[tokio::test]
async fn pieces_of_answers_are_read_in_order_and_not_stored() {
    let folder = TempDir::new().unwrap();
    let log = log_of_days(&folder, &[0]).await;
    log.publish(TOPIC, 1, vec![piece("a"), piece("b")]).await.unwrap();
    log.publish(TOPIC, 1, vec![record(day(0))]).await.unwrap();
    log.publish(TOPIC, 1, vec![piece("c")]).await.unwrap();

    let expected = [(0, "v"), (1, "a"), (2, "b"), (3, "v"), (4, "c")];
    assert_eq!(read(&log, 0).await, expected.map(|(offset, text)| (offset, text.to_owned())));
    drop(log);

    // They are passed over: whoever read up to them goes on behind them.
    let log = open(&folder);
    for offset in 1..4 {
        assert_eq!(read(&log, offset).await, [(3, "v".to_owned())], "{offset}");
    }
    assert_eq!(log.bounds(TOPIC, 1).await.unwrap(), Bounds { earliest: 0, next: 4 });
}

#[tokio::test]
async fn what_was_stored_before_a_restart_is_followed_by_what_comes_after() {
    let folder = TempDir::new().unwrap();
    drop(log_of_days(&folder, &[0, 0]).await);
    let log = open(&folder);
    log.publish(TOPIC, 1, vec![piece("a"), record(day(0))]).await.unwrap();

    let all = [(1, "v"), (2, "a"), (3, "v")].map(|(offset, text)| (offset, text.to_owned()));
    assert_eq!(read(&log, 1).await, all);
    assert_eq!(read(&log, 2).await, all[1..]);
}
