//! A counter of tokens beside the ledger, that may lose everything at any time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use soma_core::budget::account::LedgerAccount;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, ReservationKey, ReservationRequest, Spent, Tokens};
use soma_core::ports::{Budget, PortResult};
use soma_inproc::InprocLedger;

type Place = (Account, BudgetWindow);

/// Grants from counters of its own, as a cache on the network does. A counter that is not there is
/// built from what the ledger has: so it does not know of a grant whose commit is still under way.
pub struct SimulatedBudget {
    ledger: Arc<InprocLedger>,
    counters: Mutex<BTreeMap<Place, LedgerAccount>>,
}

impl SimulatedBudget {
    /// Counters that are built from `ledger`.
    pub const fn new(ledger: Arc<InprocLedger>) -> Self {
        Self { ledger, counters: Mutex::new(BTreeMap::new()) }
    }

    /// Loses every counter.
    pub fn flush(&self) {
        self.counters().clear();
    }

    fn counters(&self) -> MutexGuard<'_, BTreeMap<Place, LedgerAccount>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, place: Place, ask: impl FnOnce(&mut LedgerAccount) -> T) -> T {
        let mut counters = self.counters();
        let counter = counters.entry(place).or_insert_with_key(|(account, window)| {
            self.ledger.account(account, *window).unwrap_or_default()
        });
        ask(counter)
    }
}

#[async_trait]
impl Budget for SimulatedBudget {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let ReservationRequest { key, account, window, limit, want, least } = request;
        let place = (account.clone(), *window);
        Ok(self.with(place, |counter| counter.reserve(*key, *limit, *want, *least)))
    }

    async fn settle(&self, key: ReservationKey, used: Tokens) -> PortResult<()> {
        let mut counters = self.counters();
        if let Some(counter) = counters.values_mut().find(|counter| counter.entry(key).is_some()) {
            counter.settle(key, used);
        }
        Ok(())
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.counters().remove(&(account.clone(), window));
        Ok(())
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        Ok(self.with((account.clone(), window), |counter| counter.spent()))
    }
}

soma_core::opaque_debug!(SimulatedBudget);
