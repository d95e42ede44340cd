//! Connections that the server ends while they commit: nothing is lost, and nothing done twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Map;
use soma_core::contract::{self, Fixture};
use soma_core::conversation::event::Role;
use soma_core::ids::{EventId, OwnerId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::topic::Topic;
use soma_core::ports::{Leases, Replica};
use soma_core::time::Timestamp;
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch};
use soma_core::work::lease::{PartitionLease, Resource};
use soma_postgres::{Database, PostgresLeases, PostgresReplica};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::common::Place;

const TERMINATIONS: usize = 100;
const APPLIERS: u32 = 6;
const NOW: Timestamp = Timestamp::from_micros(1_762_171_200_000_000);

struct Server(Place);

#[async_trait]
impl Fixture for Server {
    type Port = Arc<Database>;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> Arc<Database> {
        self.0.database()
    }
}

/// Applies batches of one partition, as a consumer does.
struct Applier {
    leases: PostgresLeases,
    replica: PostgresReplica,
    partition: u32,
    tries: u128,
}

impl Applier {
    fn new(database: &Arc<Database>, partition: u32) -> Self {
        let leases = PostgresLeases::new(database.clone());
        let replica = PostgresReplica::new(database.clone());
        Self { leases, replica, partition, tries: 0 }
    }

    /// Acquires the partition, however often that fails.
    async fn acquire(&self) -> PartitionLease {
        let group = "terminated".to_owned();
        let (topic, partition) = (Topic::MemoryWal, self.partition);
        let resource = [Resource::Partition { group, topic, partition }];
        let owner = OwnerId::from_uuid(Uuid::from_u128(partition.into()));
        loop {
            match self.leases.acquire(&resource, 1, owner, Duration::from_hours(1)).await {
                Ok(mut leases) => return leases.pop().unwrap(),
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    }

    /// Applies one record after the other until told to stop. Returns how many there were.
    async fn run(mut self, stop: Arc<AtomicBool>) -> u64 {
        let mut lease = self.acquire().await;
        while !stop.load(Ordering::Relaxed) {
            let batch = self.batch(&lease);
            match self.replica.apply(batch).await {
                Ok(outcome) => {
                    assert_eq!(outcome, BatchOutcome::Applied);
                    lease.next_offset += 1;
                }
                // Whether it was applied is told by the position.
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    lease = self.acquire().await;
                }
            }
        }
        self.acquire().await.next_offset
    }

    /// A batch of one record; its event has another id at each try, so that two are told apart.
    fn batch(&mut self, lease: &PartitionLease) -> ReplicaBatch {
        self.tries += 1;
        let id = (u128::from(self.partition) << 64) + self.tries;
        let write = MemoryWrite {
            key: format!("{}", lease.next_offset),
            event_id: EventId::from_uuid(Uuid::from_u128(id)),
            tenant: TenantId::new(format!("tenant-{}", self.partition)).unwrap(),
            session_id: SessionId::from_uuid(Uuid::from_u128(id)),
            persona_id: None,
            role: Role::User,
            text: "said".into(),
            importance: 0.5,
            at: NOW,
            metadata: Map::new(),
        };
        ReplicaBatch {
            next_offset: lease.next_offset + 1,
            last: None,
            lease: lease.clone(),
            at: NOW,
            items: vec![WalEvent::new(write, NOW)],
            dead: Vec::new(),
        }
    }
}

/// Ends so many connections of the services, those first that commit.
async fn terminate(admin: &Client, count: usize) {
    let sql = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'soma' AND state = 'active'
                ORDER BY query = 'COMMIT' DESC, random() LIMIT 1";
    let mut ended = 0;
    while ended < count {
        ended += admin.query(sql, &[]).await.unwrap().len();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batch_whose_connection_is_ended_while_it_commits_is_applied_once() {
    let Some(server) = contract::start::<Server>().await else { return };
    let (database, admin) = (server.open().await, server.0.admin().await);
    let stop = Arc::new(AtomicBool::new(false));
    let appliers = (0..APPLIERS).map(|partition| {
        let applier = Applier::new(&database, partition);
        #[expect(clippy::disallowed_methods, reason = "the appliers of this test")]
        tokio::spawn(applier.run(stop.clone()))
    });
    let appliers: Vec<_> = appliers.collect();

    terminate(&admin, TERMINATIONS).await;
    stop.store(true, Ordering::Relaxed);
    let applied = join_all(appliers).await.into_iter().map(Result::unwrap);

    let replica = PostgresReplica::new(database);
    for (partition, count) in applied.enumerate() {
        let tenant = TenantId::new(format!("tenant-{partition}")).unwrap();
        let rows = replica.rows(&tenant).await.unwrap();
        let mut offsets: Vec<u64> = rows.iter().map(|row| row.write.key.parse().unwrap()).collect();
        offsets.sort_unstable();
        assert!(count > 0 && offsets.iter().copied().eq(0..count), "{partition}: {offsets:?}");
    }
}
