//! What many do to one file at once, and what is there when it is opened again.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rusqlite::Connection;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::ledger::{MANY, NOW, TTL, at, owner, partition, wants};
use soma_core::contract::talk::{Talk, talk, talk_of};
use soma_core::conversation::chain::{Chain, Link};
use soma_core::conversation::event::{Event, Seq};
use soma_core::digest::Digest32;
use soma_core::ids::OwnerId;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire::Subject;
use soma_core::policy::{Action, Decision};
use soma_core::ports::leases::Renewed;
use soma_core::ports::outbox::{SettledRow, Settlement};
use soma_core::ports::{Leases, Outbox, Store, Work};
use soma_core::work::commit::{Commit, CommitOutcome, Fence, WorkKind};
use soma_core::work::ingest::WorkBatch;
use soma_core::work::lease::{Member, PartitionLease, Resource};
use soma_core::work::session::EventRange;
use soma_sqlite::{Database, SqliteLeases, SqliteOutbox, SqliteStore, SqliteWork};
use tempfile::TempDir;

fn open(folder: &Path) -> Arc<Database> {
    Database::open(folder.join("soma.db")).unwrap()
}

fn leases(database: &Arc<Database>) -> SqliteLeases {
    SqliteLeases::new(Arc::clone(database), Arc::new(ManualClock::default()))
}

fn work(database: &Arc<Database>) -> SqliteWork {
    SqliteWork::new(Arc::clone(database), Arc::new(ManualClock::default()))
}

async fn lease(leases: &SqliteLeases, resource: &Resource, owner: OwnerId) -> PartitionLease {
    leases.acquire(std::slice::from_ref(resource), 1, owner, TTL).await.unwrap().remove(0)
}

fn member(number: u128) -> Member {
    Member { group: "group".into(), owner: owner(number) }
}

async fn events(store: &SqliteStore, talk: &Talk) -> Vec<Event> {
    let all = EventRange::After(Seq(0));
    store.events(&talk.tenant, talk.session_id, all, MANY).await.unwrap()
}

/// Accepts a message and lets it arrive.
async fn ready(database: &Arc<Database>, talk: &Talk) {
    SqliteStore::new(Arc::clone(database)).commit(talk.accepts(1)).await.unwrap();
    let lease = lease(&leases(database), &partition(Topic::ConversationInbound), owner(1)).await;
    let batch = WorkBatch {
        next_offset: lease.next_offset + 1,
        last: None,
        lease,
        at: NOW,
        items: vec![talk.arrival(Subject::Turn(talk.turn(1)))],
        dead: Vec::new(),
    };
    work(database).ingest(batch).await.unwrap();
}

#[tokio::test]
async fn commits_of_many_at_once_are_dense_chained_and_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let talks = [talk(1), talk(2), talk_of("globex", 3)];
    {
        let store = SqliteStore::new(open(folder.path()));
        let commits = (0..300).map(|n| store.commit(talks[n % 3].says(&format!("message {n}"))));
        let outcomes = join_all(commits).await;
        assert!(outcomes.iter().all(|o| matches!(o, Ok(CommitOutcome::Committed(_)))));
    }

    let database = open(folder.path());

    let store = SqliteStore::new(Arc::clone(&database));
    for talk in &talks {
        let events = events(&store, talk).await;
        let mut chain = Chain::new(talk.session_id);
        for event in &events {
            chain.verify(&Link::of(event), event.hash).unwrap();
        }
        let session = store.session(&talk.tenant, talk.session_id).await.unwrap().unwrap();
        assert_eq!((events.len(), session.chain), (100, chain));
    }
    let outbox = SqliteOutbox::new(database);
    let lanes: Vec<Lane> = Lane::all().collect();
    let rows = outbox.read(&lanes, 0, MANY).await.unwrap();
    assert_eq!(rows.len(), 300);
    for talk in &talks {
        let key = talk.session_id.to_string();
        let own = rows.iter().flat_map(|row| &row.messages).filter(|message| message.key == key);
        let ids: Vec<_> = own.map(|message| message.event_id).collect();
        let recorded = events(&store, talk).await;
        let expected: Vec<_> = recorded.iter().map(|event| *event.event_id.as_uuid()).collect();
        assert_eq!(ids, expected);
    }
}

#[tokio::test]
async fn numbers_survive_the_file_bit_by_bit() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::new(open(folder.path()));
    let mut said = talk(1).said("numbers");
    // A parser that does not round correctly reads the first two as their neighbours, and one
    // number in ten of all: then the chain of what was stored does not verify.
    for (index, number) in
        [0.907_303_832_202_868_9, 0.481_837_925_201_105_24, 5e-324].into_iter().enumerate()
    {
        said.metadata.insert(index.to_string(), number.into());
    }
    let commit = Commit { events: vec![said], ..talk(1).commit() };

    let CommitOutcome::Committed(committed) = store.commit(commit).await.unwrap() else {
        panic!("not committed");
    };

    let read = events(&store, &talk(1)).await;
    assert_eq!(read, committed);
    Chain::new(talk(1).session_id).verify(&Link::of(&read[0]), read[0].hash).unwrap();
}

/// A relay that settles late must not delete what it never published.
#[tokio::test]
async fn id_of_a_settled_row_is_never_given_again() {
    let folder = TempDir::new().unwrap();
    let lane = Lane::of(&talk(1).session_id.to_string());
    let published = {
        let database = open(folder.path());
        SqliteStore::new(Arc::clone(&database)).commit(talk(1).says("first")).await.unwrap();
        let resource = Resource::Lane(lane);
        let lease = lease(&leases(&database), &resource, owner(1)).await;
        let outbox = SqliteOutbox::new(database);
        let id = outbox.read(&[lane], 0, MANY).await.unwrap()[0].id;
        let rows = vec![SettledRow { id, dead: Vec::new() }];
        assert_eq!(outbox.settle(&[Settlement { lease, rows }]).await.unwrap(), [true]);
        id
    };

    let database = open(folder.path());
    SqliteStore::new(Arc::clone(&database)).commit(talk(1).says("second")).await.unwrap();

    let rows = SqliteOutbox::new(database).read(&[lane], 0, MANY).await.unwrap();
    assert!(rows[0].id > published);
}

/// As after `kill -9`: nothing was released, and no lease has ended.
#[tokio::test]
async fn next_owner_of_the_file_goes_on_at_once_and_fences_the_past() {
    let folder = TempDir::new().unwrap();
    let lane = Resource::Lane(Lane(0));
    let (claim, held) = {
        let database = open(folder.path());
        ready(&database, &talk(1)).await;
        let claims = work(&database).claim(wants(WorkKind::Turns, owner(1))).await.unwrap().claims;
        let leases = leases(&database);
        let held = lease(&leases, &lane, owner(1)).await;
        leases.renew(&member(1), std::slice::from_ref(&held), TTL).await.unwrap();
        (claims[0].clone(), held)
    };

    let database = open(folder.path());
    database.expire_leases().await.unwrap();

    let next = work(&database).claim(wants(WorkKind::Turns, owner(2))).await.unwrap().claims;
    assert!(next[0].epoch > claim.epoch && next[0].tries == 1, "{next:?}");
    let fence = Fence::Work { kind: WorkKind::Turns, epoch: claim.epoch };
    let outdated = Commit { fence, ..talk(1).says("from the past") };
    let store = SqliteStore::new(Arc::clone(&database));
    assert_eq!(store.commit(outdated).await.unwrap(), CommitOutcome::Fenced);
    let leases = leases(&database);
    let renewed = leases.renew(&member(2), std::slice::from_ref(&held), TTL).await.unwrap();
    assert_eq!(renewed, Renewed { held: vec![false], members: 1 });
    assert!(lease(&leases, &lane, owner(2)).await.epoch > held.epoch);
}

#[tokio::test]
async fn keys_against_repetition_are_kept_for_a_day_and_then_forgotten() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::new(open(folder.path()));
    let asks = |seconds: u64, key: &str| Commit {
        at: at(seconds),
        request: Some(talk(1).request(key, "asked", 1)),
        ..talk(1).says(&format!("{key} at {seconds}"))
    };
    let day = Duration::from_hours(24).as_secs();
    store.commit(asks(0, "first")).await.unwrap();

    let within = store.commit(asks(day - 1, "first")).await.unwrap();
    store.commit(asks(day + 1, "second")).await.unwrap();
    let after = store.commit(asks(day + 2, "first")).await.unwrap();

    assert!(matches!(within, CommitOutcome::Answered(_)), "{within:?}");
    assert!(matches!(after, CommitOutcome::Committed(_)), "{after:?}");
}

#[tokio::test]
async fn policy_decision_is_stored_with_the_digest_of_its_bundle_if_it_has_one() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::new(open(folder.path()));
    let decision = Decision {
        action: Action::ConversationSend,
        resource: "message".into(),
        allow: true,
        reasons: Vec::new(),
        input: Digest32::of(b"input"),
        bundle: None,
    };
    let bundle = Digest32::of(b"bundle");
    let decisions = vec![decision.clone(), decision.by(Some(bundle))];
    store.commit(Commit { decisions, ..talk(1).says("hello") }).await.unwrap();

    let file = Connection::open(folder.path().join("soma.db")).unwrap();
    let mut rows = file.prepare("SELECT input, bundle FROM policy_decisions ORDER BY id").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<([u8; 32], Option<[u8; 32]>)> = rows.collect::<Result<_, _>>().unwrap();

    let input = Digest32::of(b"input").0;
    assert_eq!(rows, [(input, None), (input, Some(bundle.0))]);
}
