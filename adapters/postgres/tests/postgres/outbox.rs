//! The outbox finds every row, in whatever order transactions commit.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use soma_core::contract::{self, Fixture};
use soma_core::ids::OwnerId;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::OutboxRow;
use soma_core::ports::outbox::{SettledRow, Settlement};
use soma_core::ports::{Leases, Outbox};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_postgres::{PostgresLeases, PostgresOutbox};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::common::Place;

/// So many reads are enough for the watermark to rise over whatever it may.
const READS: usize = 100;

struct Server(Place);

#[async_trait]
impl Fixture for Server {
    type Port = Relay;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> Relay {
        let database = self.0.database();
        let lanes: Vec<Resource> = Lane::all().map(Resource::Lane).collect();
        let (owner, hour) = (OwnerId::from_uuid(Uuid::from_u128(1)), Duration::from_hours(1));
        let leases = PostgresLeases::new(database.clone());
        let leases = leases.acquire(&lanes, lanes.len(), owner, hour).await.unwrap();
        Relay { outbox: PostgresOutbox::new(database), leases }
    }
}

/// Whoever holds every lane.
struct Relay {
    outbox: PostgresOutbox,
    leases: Vec<PartitionLease>,
}

impl Relay {
    async fn read(&self) -> Vec<OutboxRow> {
        let lanes: Vec<Lane> = Lane::all().collect();
        self.outbox.read(&lanes, 0, 100).await.unwrap()
    }

    /// Settles all that is read, in many reads. Returns the texts.
    async fn drain(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..READS {
            let rows = self.read().await;
            texts.extend(rows.iter().map(text));
            self.settle(&rows).await;
        }
        texts
    }

    async fn settle(&self, rows: &[OutboxRow]) {
        let of_lane = |lease: &PartitionLease| {
            let own = rows.iter().filter(|row| Resource::Lane(row.lane) == lease.resource);
            let rows = own.map(|row| SettledRow { id: row.id, dead: Vec::new() }).collect();
            Settlement { lease: lease.clone(), rows }
        };
        let settlements: Vec<Settlement> = self.leases.iter().map(of_lane).collect();
        let held = self.outbox.settle(&settlements).await.unwrap();
        assert!(held.iter().all(|held| *held), "{held:?}");
    }
}

fn text(row: &OutboxRow) -> String {
    row.messages[0].text()
}

/// Queues a text under a key, in whatever transaction is open.
async fn insert(client: &Client, key: Uuid, text: &str) {
    let sql = "INSERT INTO outbox (lane, tenant, topic, key, kind, dedupe_key, payload, created_at)
               VALUES ($1, 'acme', 'tool.requests', convert_to($2, 'UTF8'), 'test', $3,
                       convert_to($4, 'UTF8'), now())";
    let key = key.to_string();
    let lane = i16::try_from(Lane::of(&key).0).unwrap();
    client.execute(sql, &[&lane, &key, &Uuid::nil(), &text]).await.unwrap();
}

#[tokio::test]
async fn row_of_a_transaction_that_commits_late_with_a_lower_id_is_not_passed_over() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (relay, late, early) =
        (server.open().await, server.0.admin().await, server.0.admin().await);
    late.batch_execute("BEGIN").await.unwrap();
    insert(&late, Uuid::from_u128(1), "late").await;
    insert(&early, Uuid::from_u128(2), "early").await;

    let before = relay.drain().await;
    late.batch_execute("COMMIT").await.unwrap();
    let after = relay.drain().await;

    assert_eq!((before, after), (vec!["early".to_owned()], vec!["late".to_owned()]));
}

/// It was rolled back: an id that never comes holds nothing up.
#[tokio::test]
async fn row_after_one_that_was_rolled_back_is_found() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (relay, gone, kept) = (server.open().await, server.0.admin().await, server.0.admin().await);
    gone.batch_execute("BEGIN").await.unwrap();
    insert(&gone, Uuid::from_u128(1), "gone").await;
    gone.batch_execute("ROLLBACK").await.unwrap();

    let before = relay.drain().await;
    insert(&kept, Uuid::from_u128(1), "kept").await;

    assert_eq!((before, relay.drain().await), (vec![], vec!["kept".to_owned()]));
}

/// A row that waits is read again, however far the watermark may have risen over others.
#[tokio::test]
async fn row_that_is_not_settled_is_read_again() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (relay, client) = (server.open().await, server.0.admin().await);
    for number in 0..10 {
        insert(&client, Uuid::from_u128(number), &number.to_string()).await;
    }
    let rows = relay.read().await;
    relay.settle(&rows[..5]).await;

    let mut looks = Vec::new();
    for _ in 0..READS {
        looks.push(relay.read().await);
    }

    assert!(looks.iter().all(|look| look == &rows[5..]), "{looks:?}");
}

/// As after a failover that lost what was handed out: the row waits for a read from the beginning.
#[tokio::test]
async fn row_with_an_id_that_was_handed_out_before_is_found_in_the_end() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (relay, client) = (server.open().await, server.0.admin().await);
    for number in 0..10 {
        insert(&client, Uuid::from_u128(number), &number.to_string()).await;
    }
    pass_over_a_row(&relay, &client).await;

    let mut in_the_end = Vec::new();
    for _ in 0..300 {
        in_the_end.extend(relay.read().await.iter().map(text));
    }

    assert!(in_the_end.contains(&"again".to_owned()));
}

/// Queues a row whose id was handed out before, such that a read begins above it.
///
/// The watermark stays low while a transaction is open anywhere on the server, as those of other tests
/// are: so it is tried again.
async fn pass_over_a_row(relay: &Relay, client: &Client) {
    for _ in 0..500 {
        relay.drain().await;
        client.batch_execute("SELECT setval('outbox_id_seq', 1)").await.unwrap();
        insert(client, Uuid::from_u128(1), "again").await;
        if relay.read().await.is_empty() {
            return;
        }
    }
    panic!("every read begins at the beginning");
}

/// Commits texts under a key of its own, some slowly, and some not at all. Returns those that were.
async fn write(client: Client, key: Uuid, count: usize) -> Vec<String> {
    let mut committed = Vec::new();
    for number in 0..count {
        let text = format!("{key} {number}");
        client.batch_execute("BEGIN").await.unwrap();
        insert(&client, key, &text).await;
        let work = "SELECT count(*) FROM generate_series(1, (random() * random() * 20000)::int)";
        client.batch_execute(work).await.unwrap();
        if number % 7 == 3 {
            client.batch_execute("ROLLBACK").await.unwrap();
        } else {
            client.batch_execute("COMMIT").await.unwrap();
            committed.push(text);
        }
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_of_many_who_commit_at_the_same_time_are_each_found_once_in_the_order_of_their_key() {
    const WRITERS: u128 = 16;
    let Some(server) = contract::start::<Server>().await else { return };
    let relay = server.open().await;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let key = Uuid::from_u128(number);
        #[expect(clippy::disallowed_methods, reason = "the writers of this test")]
        writers.push(tokio::spawn(write(server.0.admin().await, key, 60)));
    }

    let mut found: Vec<String> = Vec::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let rows = relay.read().await;
        relay.settle(&rows).await;
        found.extend(rows.iter().map(text));
    }
    found.extend(relay.drain().await);

    let committed = join_all(writers).await.into_iter().flat_map(Result::unwrap);
    assert_eq!(by_key(found), by_key(committed));
}

/// The texts of each key, in their order.
fn by_key(texts: impl IntoIterator<Item = String>) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in texts {
        let (key, number) = text.split_once(' ').unwrap();
        keys.entry(key.into()).or_default().push(number.into());
    }
    keys
}
