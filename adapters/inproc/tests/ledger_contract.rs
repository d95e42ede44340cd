//! The ledger in memory against the suites of its ports.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::ledger::Ledger;
use soma_inproc::InprocLedger;

struct Inproc;

#[async_trait]
impl Fixture for Inproc {
    type Port = Ledger;
    const DURABLE: bool = false;

    async fn start() -> Option<Self> {
        Some(Self)
    }

    async fn open(&self) -> Ledger {
        let clock = Arc::new(ManualClock::default());
        Ledger::of(Arc::new(InprocLedger::new(clock.clone())), clock)
    }
}

soma_core::contract_tests!(budget, Inproc);
soma_core::contract_tests!(leases, Inproc);
soma_core::contract_tests!(memory_queue, Inproc);
soma_core::contract_tests!(outbox, Inproc);
soma_core::contract_tests!(replica, Inproc);
soma_core::contract_tests!(store, Inproc);
soma_core::contract_tests!(work, Inproc);
