//! Folders that were made by earlier releases go on.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, params};
use soma_core::contract::clock::ManualClock;
use soma_core::contract::ledger::{MANY, NOW, TTL, owner};
use soma_core::contract::talk::{Talk, talk};
use soma_core::outbox::dead::Origin;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxMessage;
use soma_core::outbox::topic::Topic;
use soma_core::ports::dead_letters::{LetterRange, Redriven};
use soma_core::ports::{DeadLetters, Leases, MemoryQueue, Outbox, Store};
use soma_core::work::lease::Resource;
use soma_sqlite::{
    Database, SqliteDeadLetters, SqliteLeases, SqliteMemoryQueue, SqliteOutbox, SqliteStore,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A database as the release made it that knew only so many migrations.
fn of_version(version: usize, folder: &TempDir) -> (PathBuf, Connection) {
    let path = folder.path().join("soma.db");
    let connection = Connection::open(&path).unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
    let mut files: Vec<PathBuf> =
        fs::read_dir(migrations).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().take(version) {
        connection.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
    }
    connection.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
    connection.pragma_update(None, "application_id", 0x536f_6d61).unwrap();
    (path, connection)
}

/// A row of the outbox as it was before rows referred to events.
fn insert(connection: &Connection, id: u64, message: &OutboxMessage) {
    connection
        .execute(
            "INSERT INTO outbox (id, lane, tenant, topic, key, kind, dedupe_key, payload, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                id,
                Lane::of(&message.key).0,
                message.tenant.as_str(),
                message.topic.as_str(),
                message.key,
                message.kind,
                message.event_id,
                message.text(),
                NOW.as_micros(),
            ],
        )
        .unwrap();
}

async fn rows(database: &Arc<Database>, talk: &Talk) -> Vec<(u64, Vec<OutboxMessage>)> {
    let lane = Lane::of(&talk.session_id.to_string());
    let rows = SqliteOutbox::new(Arc::clone(database)).read(&[lane], 0, MANY).await.unwrap();
    rows.into_iter().map(|row| (row.id, row.messages)).collect()
}

#[tokio::test]
async fn rows_that_waited_before_rows_referred_to_events_are_published() {
    let (folder, talk) = (TempDir::new().unwrap(), talk(1));
    let (path, old) = of_version(15, &folder);
    let [event, request] = [
        talk.message(Topic::ConversationOutbound, "an event"),
        talk.message(Topic::ToolRequests, "ключ \u{1f980}"),
    ];
    insert(&old, 7, &event);
    insert(&old, 9, &request);
    drop(old);

    let database = Database::open(path).unwrap();
    let before = rows(&database, &talk).await;
    SqliteStore::new(Arc::clone(&database)).commit(talk.says("new")).await.unwrap();

    assert_eq!(before, [(7, vec![event]), (9, vec![request])]);
    let after = rows(&database, &talk).await;
    assert_eq!(after[..2], before);
    assert_eq!(after[2].0, 10);
}

#[tokio::test]
async fn ids_of_rows_that_left_before_are_not_given_again() {
    let (folder, talk) = (TempDir::new().unwrap(), talk(1));
    let (path, old) = of_version(15, &folder);
    insert(&old, 41, &talk.message(Topic::ToolRequests, "published"));
    old.execute("DELETE FROM outbox", []).unwrap();
    drop(old);

    let database = Database::open(path).unwrap();
    SqliteStore::new(Arc::clone(&database)).commit(talk.says("new")).await.unwrap();

    assert_eq!(rows(&database, &talk).await[0].0, 42);
}

#[tokio::test]
async fn memory_writes_that_waited_before_there_were_lanes_are_due_in_theirs() {
    let (folder, talk) = (TempDir::new().unwrap(), talk(1));
    let (path, old) = of_version(18, &folder);
    let writes = ["held", "ключ", "waiting"].map(|text| talk.memory(text));
    for write in &writes {
        let payload = serde_json::to_string(write).unwrap();
        let held = (write.text == "held").then(|| *owner(1).as_uuid());
        old.execute(
            "INSERT INTO memory_write_outbox (tenant, session_id, key, owner, due_at, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                write.tenant.as_str(),
                write.session_id.as_uuid(),
                write.key,
                held,
                if held.is_some() { i64::MAX } else { 0 },
                payload,
            ],
        )
        .unwrap();
    }
    drop(old);

    let database = Database::open(path).unwrap();

    let clock = Arc::new(ManualClock::default());
    let lanes: Vec<Resource> = Lane::all().map(Resource::MemoryLane).collect();
    let leases = SqliteLeases::new(Arc::clone(&database), clock.clone());
    let leases = leases.acquire(&lanes, MANY, owner(2), TTL).await.unwrap();
    let due = SqliteMemoryQueue::new(database, clock).due(&leases, MANY).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|due| due.write).collect();
    assert_eq!(due, writes);
}

/// A letter as it was kept before letters told what they were.
fn insert_letter(connection: &Connection, talk: &Talk, number: u128, topic: &str, from_log: bool) {
    let place = from_log.then_some(7);
    connection
        .execute(
            "INSERT INTO dlq (letter_id, tenant, topic, partition, position, key, payload, error, at)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, '{}', 'unreadable', 0)",
            params![
                Uuid::from_u128(number),
                talk.tenant.as_str(),
                topic,
                place,
                talk.session_id.to_string(),
            ],
        )
        .unwrap();
}

#[tokio::test]
async fn letters_that_were_kept_before_are_redriven_if_they_came_from_the_log() {
    let (folder, talk) = (TempDir::new().unwrap(), talk(1));
    let (path, old) = of_version(21, &folder);
    insert_letter(&old, &talk, 1, "tool.results", true);
    insert_letter(&old, &talk, 2, "tool.results", false);
    drop(old);

    let database = Database::open(path).unwrap();
    let letters = SqliteDeadLetters::new(Arc::clone(&database));
    let kept = letters.list(None, LetterRange::After(0), MANY).await.unwrap();
    let ids: Vec<Uuid> = kept.iter().map(|kept| kept.id).collect();
    let redriven = letters.redrive(&ids, NOW).await.unwrap();

    assert_eq!(ids, [Uuid::from_u128(1), Uuid::from_u128(2)]);
    assert!(kept.iter().all(|kept| kept.letter.origin == Origin::Untold));
    assert_eq!(redriven[0], Redriven::Done);
    assert!(matches!(redriven[1], Redriven::Refused(_)), "{redriven:?}");
    let sent = rows(&database, &talk).await.remove(0).1.remove(0);
    assert_eq!((sent.topic, sent.text().as_str()), (Topic::ToolResults, "{}"));
}

#[tokio::test]
async fn letters_of_a_topic_that_this_build_does_not_know_stand_in_nobodys_way() {
    let (folder, talk) = (TempDir::new().unwrap(), talk(1));
    let (path, old) = of_version(21, &folder);
    for (number, topic) in [(1, "from.tomorrow"), (2, "tool.results"), (3, "from.tomorrow")] {
        insert_letter(&old, &talk, number, topic, true);
    }
    drop(old);

    let letters = SqliteDeadLetters::new(Database::open(path).unwrap());
    let listed = letters.list(None, LetterRange::Before(None), 1).await.unwrap();
    let redriven = letters.redrive(&[1, 2, 3].map(Uuid::from_u128), NOW).await.unwrap();

    assert_eq!(listed[0].id, Uuid::from_u128(2));
    assert_eq!(redriven, [Redriven::Gone, Redriven::Done, Redriven::Gone]);
    assert_eq!(letters.depth().await.unwrap(), []);
}
