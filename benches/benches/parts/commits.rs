//! How many messages the store accepts in a second, beside what the disk and SQLite alone can do
//! in the same folder.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::{Criterion, Throughput};
use rusqlite::Connection;
use soma_benches::disk::SyncedFile;
use soma_core::contract::talk::talk;
use soma_core::ports::Store;
use soma_core::work::commit::CommitOutcome;
use soma_sqlite::{Database, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::sample;
use crate::timing::{Floor, beside};

pub(crate) fn bench(criterion: &mut Criterion) {
    let folder = TempDir::new().unwrap();
    let mut file = SyncedFile::create(folder.path()).unwrap();
    let mut sync = |count| (0..count).for_each(|_| file.append().unwrap());
    let bare = bare(folder.path());
    let mut insert = |count| (0..count).for_each(|_| insert(&bare));
    let runtime = Runtime::new().unwrap();
    let database = Database::open(folder.path().join("soma.db")).unwrap();
    let store = SqliteStore::new(database);
    let messages = Arc::new(Messages { store, next: AtomicU64::new(1) });

    let mut group = criterion.benchmark_group("commits");
    group.throughput(Throughput::Elements(1));
    for committers in [1, 16, 64] {
        let mut floors: [Floor<'_>; 2] = [("fdatasync", &mut sync), ("bare SQLite", &mut insert)];
        let name = format!("accept a message, {committers} at once");
        beside(&mut group, &name, &mut floors, |count| {
            runtime.block_on(messages.accept(committers, count));
        });
    }
    group.finish();
}

/// A database with the settings of the platform's, and one table.
fn bare(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("bare.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.pragma_update(None, "journal_size_limit", 64 << 20).unwrap();
    connection.pragma_update(None, "cache_size", -16_384).unwrap();
    connection.execute_batch("CREATE TABLE bare (id INTEGER PRIMARY KEY, value TEXT)").unwrap();
    connection
}

/// A row, in a transaction of its own.
fn insert(bare: &Connection) {
    let mut insert = bare.prepare_cached("INSERT INTO bare (value) VALUES (?1)").unwrap();
    assert_eq!(insert.execute([sample::QUESTION]).unwrap(), 1);
}

/// Messages, each the first of a session of its own.
struct Messages {
    store: SqliteStore,
    next: AtomicU64,
}

impl Messages {
    /// So many tasks accept `count` together.
    async fn accept(self: &Arc<Self>, committers: u64, count: u64) {
        let end = self.next.load(Ordering::Relaxed) + count;
        let mut tasks = JoinSet::new();
        for _ in 0..committers {
            let messages = Arc::clone(self);
            tasks.spawn(async move { while messages.accept_one(end).await {} });
        }
        tasks.join_all().await;
        self.next.store(end, Ordering::Relaxed);
    }

    /// Whether there was one left.
    async fn accept_one(&self, end: u64) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number < end {
            let outcome = self.store.commit(talk(number.into()).accepts(1)).await.unwrap();
            assert!(matches!(outcome, CommitOutcome::Committed(_)));
        }
        number < end
    }
}
