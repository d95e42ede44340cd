//! The contracts of the ports of the ledger, on a real PostgreSQL, each case in a database of its own.

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::ledger::Ledger;

use crate::common::{Place, ledger};

/// A database.
struct Postgres(Place);

#[async_trait]
impl Fixture for Postgres {
    type Port = Ledger;
    const DURABLE: bool = true;

    async fn start() -> Option<Self> {
        Some(Self(Place::new().await?))
    }

    async fn open(&self) -> Ledger {
        ledger::ledger(&self.0).await
    }
}

soma_core::contract_tests!(budget, Postgres);
soma_core::contract_tests!(dead_letters, Postgres);
soma_core::contract_tests!(decisions, Postgres);
soma_core::contract_tests!(leases, Postgres);
soma_core::contract_tests!(memory_queue, Postgres);
soma_core::contract_tests!(outbox, Postgres);
soma_core::contract_tests!(replica, Postgres);
soma_core::contract_tests!(store, Postgres);
soma_core::contract_tests!(usage_ledger, Postgres);
soma_core::contract_tests!(work, Postgres);
