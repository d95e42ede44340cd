//! What counters of tokens are rebuilt from.

use async_trait::async_trait;
use soma_core::budget::Account;
use soma_core::budget::account::{Balance, LedgerAccount};
use soma_core::budget::window::BudgetWindow;
use soma_core::ports::{PortResult, UsageLedger};

use super::InprocLedger;

#[async_trait]
impl UsageLedger for InprocLedger {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        let state = self.state();
        let account = state.usage.account(account, window);
        Ok(account.map(LedgerAccount::balance).unwrap_or_default())
    }
}
