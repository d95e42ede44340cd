//! The ledger in memory against the suites of its ports.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::contract::Fixture;
use soma_core::contract::clock::ManualClock;
use soma_core::contract::damage::{Damage, Damaged};
use soma_core::contract::inspect::Inspect;
use soma_core::contract::ledger::Ledger;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::policy::Decision;
use soma_inproc::{InprocBudget, InprocLedger};

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
        let ledger = Arc::new(InprocLedger::new(clock.clone()));
        let budget = Arc::new(InprocBudget::new(Arc::clone(&ledger) as _));
        Ledger::of(Arc::clone(&ledger), budget, clock, Arc::new(Behind(ledger)))
    }
}

struct Behind(Arc<InprocLedger>);

#[async_trait]
impl Damage for Behind {
    async fn damage(&self, what: Damaged) {
        match what {
            Damaged::LastInput(turn) => self.0.damage_last_input(turn),
            Damaged::Call(call) => self.0.damage_call(call),
            Damaged::Outcome(call) => self.0.damage_outcome(call),
            Damaged::Event(session, seq) => self.0.damage_event(session, seq),
            Damaged::OutboxRow(session) => self.0.damage_outbox_row(session),
            Damaged::Memories(session) => self.0.damage_memories(session),
        }
    }
}

#[async_trait]
impl Inspect for Behind {
    async fn replica(&self, tenant: &TenantId) -> Vec<WalEvent> {
        self.0.replica_rows(tenant)
    }

    async fn decisions(&self, tenant: &TenantId) -> Vec<Decision> {
        self.0.decisions_outside(tenant)
    }
}

soma_core::contract_tests!(budget, Inproc);
soma_core::contract_tests!(dead_letters, Inproc);
soma_core::contract_tests!(decisions, Inproc);
soma_core::contract_tests!(leases, Inproc);
soma_core::contract_tests!(memory_queue, Inproc);
soma_core::contract_tests!(outbox, Inproc);
soma_core::contract_tests!(replica, Inproc);
soma_core::contract_tests!(store, Inproc);
soma_core::contract_tests!(usage_ledger, Inproc);
soma_core::contract_tests!(work, Inproc);
