//! The hot counter: here it is the ledger itself.

use async_trait::async_trait;
use soma_core::budget::account::LedgerAccount;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, ReservationKey, ReservationRequest, Spent, Tokens};
use soma_core::ports::{Budget, PortResult};

use super::InprocLedger;

impl InprocLedger {
    /// Every reservation of an account in a window: what a counter elsewhere is rebuilt from.
    pub fn account(&self, account: &Account, window: BudgetWindow) -> Option<LedgerAccount> {
        self.state().usage.account(account, window).cloned()
    }
}

#[async_trait]
impl Budget for InprocLedger {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        Ok(self.state().usage.reserve(request))
    }

    async fn settle(&self, key: ReservationKey, used: Tokens) -> PortResult<()> {
        self.state().usage.settle(key, used);
        Ok(())
    }

    async fn refresh(&self, _account: &Account, _window: BudgetWindow) -> PortResult<()> {
        Ok(())
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        Ok(self.state().usage.spent(account, window))
    }
}
