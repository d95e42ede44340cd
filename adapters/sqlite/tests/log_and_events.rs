//! Records of the log that refer to events of the store, and records that all have taken.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::ledger::{MANY, NOW, TTL, owner, partition};
use soma_core::contract::talk::{Talk, talk};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::Record;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::ports::log::{Fetched, Positioned};
use soma_core::ports::{Leases, Log, Outbox, Store, Work};
use soma_core::work::ingest::{BatchOutcome, WorkBatch};
use soma_inproc::ManualTimer;
use soma_sqlite::{Database, SqliteLeases, SqliteLog, SqliteOutbox, SqliteStore, SqliteWork};
use tempfile::TempDir;

const TOPIC: Topic = Topic::ConversationOutbound;

fn open(folder: &TempDir) -> Arc<Database> {
    Database::open(folder.path().join("soma.db")).unwrap()
}

/// The log of a database that was just opened: nothing of it is in memory.
fn log(database: &Arc<Database>) -> SqliteLog {
    let timer = ManualTimer::new(Arc::new(soma_inproc::ManualClock::at(NOW)));
    SqliteLog::new(Arc::clone(database), Arc::new(timer))
}

/// Publishes what waits in the outbox to one partition.
async fn publish(database: &Arc<Database>) -> Vec<Record> {
    let lanes: Vec<Lane> = Lane::all().collect();
    let rows = SqliteOutbox::new(Arc::clone(database)).read(&lanes, 0, MANY).await.unwrap();
    let messages = rows.iter().flat_map(|row| &row.messages);
    let records: Vec<Record> = messages.map(|message| message.record(NOW)).collect();
    log(database).publish(TOPIC, 0, records.clone()).await.unwrap();
    records
}

async fn read(log: &SqliteLog, topic: Topic) -> Vec<Positioned> {
    match log.fetch(topic, 0, 0, 1 << 20, Duration::ZERO).await.unwrap() {
        Fetched::Records(found) => found,
        Fetched::OutOfRange(bounds) => panic!("{bounds:?}"),
        Fetched::Unreadable { offset, found } => panic!("{offset}: {found:?}"),
    }
}

async fn two_events(folder: &TempDir, talk: &Talk) -> Vec<Record> {
    let database = open(folder);
    let store = SqliteStore::new(Arc::clone(&database));
    for text in ["one", "two"] {
        store.commit(talk.says(text)).await.unwrap();
    }
    publish(&database).await
}

#[tokio::test]
async fn record_of_an_event_is_read_as_it_was_published() {
    let folder = TempDir::new().unwrap();
    let published = two_events(&folder, &talk(1)).await;

    let found = read(&log(&open(&folder)), TOPIC).await;

    let found: Vec<Record> = found.iter().map(|one| (*one.record).clone()).collect();
    assert_eq!(found, published);
}

#[tokio::test]
async fn record_of_an_event_that_was_erased_is_gone_and_the_others_stay() {
    let (folder, erased, kept) = (TempDir::new().unwrap(), talk(1), talk(2));
    two_events(&folder, &erased).await;
    let database = open(&folder);
    let store = SqliteStore::new(Arc::clone(&database));
    store.erase(&erased.tenant, erased.session_id, NOW).await.unwrap();
    store.commit(kept.says("three")).await.unwrap();
    publish(&database).await;
    drop((store, database));

    let found = read(&log(&open(&folder)), TOPIC).await;

    let offsets: Vec<u64> = found.iter().map(|one| one.offset).collect();
    assert_eq!((offsets, &found[0].record.key), (vec![2], &kept.session_id.to_string()));
}

#[tokio::test]
async fn record_whose_headers_cannot_be_read_is_read_without_them() {
    let folder = TempDir::new().unwrap();
    let published = two_events(&folder, &talk(1)).await;
    let file = Connection::open(folder.path().join("soma.db")).unwrap();
    let damaged = file.execute("UPDATE log SET headers = '{' WHERE position = 0", []).unwrap();
    assert_eq!(damaged, 1);

    let found = read(&log(&open(&folder)), TOPIC).await;

    assert_eq!(found[0].record.value, published[0].value);
    assert_eq!(found[0].record.headers.get("type"), None);
    assert_eq!(*found[1].record, published[1]);
}

/// But the last of them, by which the position is recognised.
#[tokio::test]
async fn records_that_were_taken_are_dropped_with_the_position() {
    let (folder, talk, topic) = (TempDir::new().unwrap(), talk(1), Topic::ConversationInbound);
    let database = open(&folder);
    let records: Vec<Record> =
        (0..3).map(|number| talk.message(topic, &format!("record {number}")).record(NOW)).collect();
    log(&database).publish(topic, 0, records).await.unwrap();
    SqliteStore::new(Arc::clone(&database)).commit(talk.accepts(1)).await.unwrap();
    let clock = Arc::new(ManualClock::default());
    let leases = SqliteLeases::new(Arc::clone(&database), clock.clone());
    let wanted = [partition(topic)];
    let lease = leases.acquire(&wanted, 1, owner(1), TTL).await.unwrap().remove(0);
    let batch = WorkBatch {
        next_offset: 2,
        last: None,
        lease,
        at: NOW,
        items: vec![talk.arrival(Subject::Turn(talk.turn(1)))],
        dead: Vec::new(),
    };

    let outcome = SqliteWork::new(Arc::clone(&database), clock).ingest(batch).await.unwrap();

    assert_eq!(outcome, BatchOutcome::Applied);
    let kept: u64 = Connection::open(folder.path().join("soma.db"))
        .unwrap()
        .query_row("SELECT min(position) FROM log", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 1);
}
