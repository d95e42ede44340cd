//! The ledger in memory: sessions, turns, calls, queues, leases and budgets behind one lock.
//!
//! It is the model that every other implementation is tested against, so each rule is written down
//! once and plainly, and nothing is indexed that need not be.

mod commit;
mod conversation;
mod damage;
mod dead_letters;
mod decisions;
mod leases;
mod memory_queue;
mod outbox;
mod overdue;
mod owners;
mod replica;
mod state;
mod store;
mod usage;
mod usage_ledger;
mod work;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soma_core::ports::Clock;
use soma_core::time::Timestamp;

use state::State;

/// [`Store`](soma_core::ports::Store), [`Work`](soma_core::ports::Work),
/// [`Leases`](soma_core::ports::Leases), [`Outbox`](soma_core::ports::Outbox),
/// [`DeadLetters`](soma_core::ports::DeadLetters), [`Decisions`](soma_core::ports::Decisions),
/// [`MemoryQueue`](soma_core::ports::MemoryQueue), [`Replica`](soma_core::ports::Replica),
/// [`Budget`](soma_core::ports::Budget) and [`UsageLedger`](soma_core::ports::UsageLedger) over one state: what a commit changes is seen by all of
/// them at once.
pub struct InprocLedger {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

impl InprocLedger {
    /// An empty ledger; leases end by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Mutex::default(), clock }
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

soma_core::opaque_debug!(InprocLedger);
