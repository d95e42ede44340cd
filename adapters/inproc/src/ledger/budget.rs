//! The hot counter: here it is the ledger itself.

use async_trait::async_trait;
use soma_core::budget::account::{Balance, LedgerAccount};
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Spent, Tokens};
use soma_core::ports::{Budget, PortResult, UsageLedger};

use super::InprocLedger;

#[async_trait]
impl UsageLedger for InprocLedger {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        let state = self.state();
        let account = state.usage.account(account, window);
        Ok(account.map(LedgerAccount::balance).unwrap_or_default())
    }
}

#[async_trait]
impl Budget for InprocLedger {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        Ok(self.state().usage.reserve(request))
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        self.state().usage.settle(reservation, used);
        Ok(())
    }

    async fn refresh(&self, _account: &Account, _window: BudgetWindow) -> PortResult<()> {
        Ok(())
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        Ok(self.balance(account, window).await?.spent())
    }
}
