//! The edge ports in SQLite, put through their contracts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::cache::CacheUnderTest;
use soma_core::contract::clock::ManualClock as SteeredClock;
use soma_core::ports::{Log, Memory, Timer, Vault};
use soma_core::time::Timestamp;
use soma_inproc::ManualClock;
use soma_sqlite::{Database, SqliteCache, SqliteLog, SqliteMemory, SqliteVault};
use tempfile::TempDir;

/// What tokio calls time.
struct TokioTimer;

#[async_trait]
impl Timer for TokioTimer {
    #[expect(clippy::disallowed_methods, reason = "this is the timer")]
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

fn database(folder: &TempDir) -> Arc<Database> {
    Database::open(folder.path().join("soma.db")).unwrap()
}

/// A clock that stands after everything that the suite remembers.
fn an_hour_later() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_762_174_800_000_000)))
}

/// Makes a fixture of a port whose place is a folder.
macro_rules! fixture {
    ($name:ident, $port:ty, $open:expr) => {
        struct $name(TempDir);

        #[async_trait]
        impl Fixture for $name {
            type Port = $port;
            const DURABLE: bool = true;

            async fn start() -> Option<Self> {
                Some(Self(TempDir::new().unwrap()))
            }

            async fn open(&self) -> Self::Port {
                let open: fn(Arc<Database>) -> $port = $open;
                open(database(&self.0))
            }
        }
    };
}

fixture!(CacheFixture, CacheUnderTest, |db| {
    let clock = Arc::new(SteeredClock::default());
    CacheUnderTest { cache: Arc::new(SqliteCache::new(db, clock.clone())), clock }
});
fixture!(LogFixture, Arc<dyn Log>, |db| Arc::new(SqliteLog::new(db, Arc::new(TokioTimer))));
fixture!(MemoryFixture, Arc<dyn Memory>, |db| Arc::new(SqliteMemory::new(db, an_hour_later())));
fixture!(VaultFixture, Arc<dyn Vault>, |db| Arc::new(SqliteVault::new(db)));

soma_core::contract_tests!(cache, CacheFixture);
soma_core::contract_tests!(log, LogFixture);
soma_core::contract_tests!(memory, MemoryFixture);
soma_core::contract_tests!(vault, VaultFixture);
