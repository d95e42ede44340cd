//! The contracts of the ports, against one file on the disk.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::ledger::Ledger;
use soma_sqlite::{
    Database, SqliteBudget, SqliteLeases, SqliteMemoryQueue, SqliteOutbox, SqliteReplica,
    SqliteStore, SqliteWork,
};
use tempfile::TempDir;

/// A folder with one database.
struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.folder.path().join("soma.db")
    }
}

#[async_trait]
impl Fixture for Sqlite {
    type Port = Ledger;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self { folder: TempDir::new().unwrap() })
    }

    async fn open(&self) -> Ledger {
        let database = Database::open(self.path()).unwrap();
        let clock = Arc::new(ManualClock::default());
        Ledger {
            store: Arc::new(SqliteStore::new(database.clone())),
            work: Arc::new(SqliteWork::new(database.clone(), clock.clone())),
            leases: Arc::new(SqliteLeases::new(database.clone(), clock.clone())),
            outbox: Arc::new(SqliteOutbox::new(database.clone())),
            memory_queue: Arc::new(SqliteMemoryQueue::new(database.clone())),
            replica: Arc::new(SqliteReplica::new(database.clone())),
            budget: Arc::new(SqliteBudget::new(database)),
            clock,
        }
    }
}

soma_core::contract_tests!(budget, Sqlite);
soma_core::contract_tests!(leases, Sqlite);
soma_core::contract_tests!(memory_queue, Sqlite);
soma_core::contract_tests!(outbox, Sqlite);
soma_core::contract_tests!(replica, Sqlite);
soma_core::contract_tests!(store, Sqlite);
soma_core::contract_tests!(work, Sqlite);
