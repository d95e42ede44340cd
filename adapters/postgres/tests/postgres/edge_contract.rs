//! The edge ports in PostgreSQL, put through their contracts.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::cache::CacheUnderTest;
use soma_core::ports::Vault;
use soma_postgres::{PostgresCache, PostgresVault};

use crate::common::Place;
use crate::common::steer::DatabaseClock;

struct CacheFixture(Place);

#[async_trait]
impl Fixture for CacheFixture {
    type Port = CacheUnderTest;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> CacheUnderTest {
        let clock = Arc::new(DatabaseClock(self.0.admin().await));
        CacheUnderTest { cache: Arc::new(PostgresCache::new(self.0.database())), clock }
    }
}

struct VaultFixture(Place);

#[async_trait]
impl Fixture for VaultFixture {
    type Port = Arc<dyn Vault>;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> Arc<dyn Vault> {
        Arc::new(PostgresVault::new(self.0.database()))
    }
}

soma_core::contract_tests!(cache, CacheFixture);
soma_core::contract_tests!(vault, VaultFixture);
