//! Counters of tokens in memory, before a ledger that is elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use soma_core::budget::account::LedgerAccount;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Tokens};
use soma_core::ports::{Budget, PortResult, UsageLedger};

use crate::lock::locked;

/// How many counters are kept that have nothing set aside.
const MOST_COUNTERS: usize = 4_096;

/// How many reservations of an account are known after they were settled: a request that comes once
/// more, and late, gets the same grant.
const KNOWN: usize = 128;

type Place = (Account, BudgetWindow);

/// Grants tokens from counters of its own. A counter that is not there is built from what the ledger
/// has, so it does not know of a grant whose commit is still under way: the commit finds out
/// ([`CommitOutcome::OverBudget`](soma_core::work::commit::CommitOutcome::OverBudget)).
///
/// Whatever else reserves in the same ledger is not seen: for several processes, each with counters of
/// its own, the ledger still holds the limit, but they may be refused what another has released.
pub struct InprocBudget {
    ledger: Arc<dyn UsageLedger>,
    counters: Mutex<BTreeMap<Place, LedgerAccount>>,
}

impl InprocBudget {
    /// Counters that are built from `ledger`.
    pub fn new(ledger: Arc<dyn UsageLedger>) -> Self {
        Self { ledger, counters: Mutex::default() }
    }

    /// Loses every counter, as a cache does that is restarted.
    pub fn flush(&self) {
        self.counters().clear();
    }

    fn counters(&self) -> MutexGuard<'_, BTreeMap<Place, LedgerAccount>> {
        locked(&self.counters)
    }

    async fn with<T>(
        &self,
        place: Place,
        ask: impl FnOnce(&mut LedgerAccount) -> T + Send,
    ) -> PortResult<T> {
        if !self.counters().contains_key(&place) {
            let balance = self.ledger.balance(&place.0, place.1).await?;
            let mut counters = self.counters();
            if counters.len() >= MOST_COUNTERS {
                counters.retain(|_, counter| counter.spent().reserved > 0);
            }
            counters.entry(place.clone()).or_insert_with(|| balance.into());
        }
        Ok(ask(self.counters().entry(place).or_default()))
    }
}

#[async_trait]
impl Budget for InprocBudget {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let ReservationRequest { key, account, window, limit, want, least } = request;
        let place = (account.clone(), *window);
        self.with(place, |counter| counter.reserve(*key, *limit, *want, *least)).await
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        let Reservation { key, account, window } = reservation;
        let place = (account.clone(), *window);
        self.with(place, |counter| {
            counter.settle(*key, used);
            if counter.known() > 2 * KNOWN {
                counter.forget_settled(KNOWN);
            }
        })
        .await
    }

    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()> {
        self.counters().remove(&(account.clone(), window));
        Ok(())
    }
}

soma_core::opaque_debug!(InprocBudget);
