//! What is in Redis against the suites of its ports, on a real server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

mod common;
#[path = "common/hosted.rs"]
mod hosted;

use std::sync::Arc;

use async_trait::async_trait;
use common::server;
use hosted::{Hosted, host};
use soma_core::contract::Fixture;
use soma_core::contract::cache::CacheUnderTest;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::damage::{Damage, Damaged};
use soma_core::contract::inspect::Inspect;
use soma_core::contract::ledger::Ledger;
use soma_core::contract::rate_limit::RateLimitUnderTest;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_inproc::{InprocBudget, InprocLedger, InprocRateLimit};
use soma_redis::{Options, Redis, RedisBudget, RedisCache, RedisRateLimit};

/// A prefix of its own on the server, and a clock.
struct Place {
    url: String,
    options: Options,
    clock: Arc<ManualClock>,
}

impl Place {
    async fn new() -> Option<Self> {
        let url = server()?;
        let options = host({
            let url = url.clone();
            async move { common::options(&url).await }
        });
        Some(Self { options: options.await, url, clock: Arc::default() })
    }

    fn redis(&self) -> Arc<Redis> {
        let clock = Arc::clone(&self.clock);
        Arc::new(Redis::new(&self.url, self.options.clone(), clock).unwrap())
    }
}

/// Counters of tokens before a ledger in memory that outlives them.
struct Counters(Place, Arc<InprocLedger>);

#[async_trait]
impl Fixture for Counters {
    type Port = Ledger;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        let place = Place::new().await?;
        let ledger = InprocLedger::new(place.clock.clone());
        Some(Self(place, Arc::new(ledger)))
    }

    async fn open(&self) -> Ledger {
        let Self(place, ledger) = self;
        let standby = Arc::new(InprocBudget::new(Arc::clone(ledger) as _));
        let budget = RedisBudget::new(place.redis(), Arc::clone(ledger) as _, standby);
        let budget = Arc::new(Hosted(Arc::new(budget)));
        Ledger::of(Arc::clone(ledger), budget, place.clock.clone(), Arc::new(Untouched))
    }
}

/// Counters do not look behind the ledger.
struct Untouched;

#[async_trait]
impl Damage for Untouched {
    async fn damage(&self, what: Damaged) {
        panic!("no case of a counter damages {what:?}");
    }
}

#[async_trait]
impl Inspect for Untouched {
    async fn replica(&self, _tenant: &TenantId) -> Vec<WalEvent> {
        Vec::new()
    }

    async fn decisions(&self, _tenant: &TenantId) -> Vec<Decision> {
        Vec::new()
    }
}

struct Metadata(Place);

#[async_trait]
impl Fixture for Metadata {
    type Port = CacheUnderTest;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> CacheUnderTest {
        let clock = self.0.clock.clone();
        let cache = RedisCache::new(self.0.redis(), clock.clone());
        CacheUnderTest { cache: Arc::new(Hosted(Arc::new(cache))), clock }
    }
}

struct Requests(Place);

#[async_trait]
impl Fixture for Requests {
    type Port = RateLimitUnderTest;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Place::new().await.map(Self)
    }

    async fn open(&self) -> RateLimitUnderTest {
        let clock = self.0.clock.clone();
        let standby = Arc::new(InprocRateLimit::new(clock.clone()));
        let limit = RedisRateLimit::new(self.0.redis(), clock.clone(), standby);
        RateLimitUnderTest { limit: Arc::new(Hosted(Arc::new(limit))), clock }
    }
}

soma_core::contract_tests!(budget, Counters);
soma_core::contract_tests!(cache, Metadata);
soma_core::contract_tests!(rate_limit, Requests);
