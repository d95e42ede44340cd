//! A counter of tokens beside the ledger, that may lose everything at any time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use soma_core::budget::account::LedgerAccount;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Spent, Tokens};
use soma_core::ports::{Budget, PortResult, UsageLedger};

type Place = (Account, BudgetWindow);

/// Grants from counters of its own, as a cache on the network does. A counter that is not there is
/// built from what the ledger has: so it does not know of a grant whose commit is still under way.
pub struct SimulatedBudget {
    ledger: Arc<dyn UsageLedger>,
    counters: Mutex<BTreeMap<Place, LedgerAccount>>,
}

impl SimulatedBudget {
    /// Counters that are built from `ledger`.
    pub fn new(ledger: Arc<dyn UsageLedger>) -> Self {
        Self { ledger, counters: Mutex::default() }
    }

    /// Loses every counter.
    pub fn flush(&self) {
        self.counters().clear();
    }

    fn counters(&self) -> MutexGuard<'_, BTreeMap<Place, LedgerAccount>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn with<T>(
        &self,
        place: Place,
        ask: impl FnOnce(&mut LedgerAccount) -> T + Send,
    ) -> PortResult<T> {
        if !self.counters().contains_key(&place) {
            let balance = self.ledger.balance(&place.0, place.1).await?;
            self.counters().entry(place.clone()).or_insert_with(|| balance.into());
        }
        Ok(ask(self.counters().entry(place).or_default()))
    }
}

#[async_trait]
impl Budget for SimulatedBudget {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let ReservationRequest { key, account, window, limit, want, least } = request;
        let place = (account.clone(), *window);
        self.with(place, |counter| counter.reserve(*key, *limit, *want, *least)).await
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        let Reservation { key, account, window } = reservation;
        self.with((account.clone(), *window), |counter| counter.settle(*key, used)).await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.counters().remove(&(account.clone(), window));
        Ok(())
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        self.with((account.clone(), window), |counter| counter.spent()).await
    }
}

soma_core::opaque_debug!(SimulatedBudget);
