//! The usage ledger: what was reserved and what was used.

use std::collections::BTreeMap;

use soma_core::budget::account::LedgerAccount;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Reservation, Tokens, UsageChange};
use soma_core::ids::TurnId;

/// The accounts, by window.
#[derive(Debug, Default)]
pub(super) struct UsageTable {
    accounts: BTreeMap<(Account, BudgetWindow), LedgerAccount>,
}

impl UsageTable {
    /// Replaces a reservation by what was used.
    fn settle(&mut self, reservation: &Reservation, used: Tokens) {
        let Reservation { key, account, window } = reservation;
        self.account_mut(account, *window).settle(*key, used);
    }

    /// Counts as used, whole, what a turn has set aside.
    pub(super) fn settle_in_full(&mut self, turn: TurnId) {
        for account in self.accounts.values_mut() {
            account.settle_in_full(turn);
        }
    }

    /// Applies what a commit says.
    pub(super) fn change(&mut self, change: &UsageChange) {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: _ } => {
                self.account_mut(account, *window).restore(*key, *amount);
            }
            UsageChange::Settle { reservation, used } => self.settle(reservation, *used),
            UsageChange::SettleInFull { turn_id } => self.settle_in_full(*turn_id),
        }
    }

    /// Whether there is room for what a commit sets aside.
    pub(super) fn has_room_for(&self, change: &UsageChange) -> bool {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: Some(limit) } => {
                self.account(account, *window).map_or(*amount <= *limit, |account| {
                    account.entry(*key).is_some()
                        || account.spent().total().saturating_add(*amount) <= *limit
                })
            }
            UsageChange::Reserve { limit: None, .. }
            | UsageChange::Settle { .. }
            | UsageChange::SettleInFull { .. } => true,
        }
    }

    /// The reservations of an account in a window.
    pub(super) fn account(
        &self,
        account: &Account,
        window: BudgetWindow,
    ) -> Option<&LedgerAccount> {
        self.accounts.get(&(account.clone(), window))
    }

    fn account_mut(&mut self, account: &Account, window: BudgetWindow) -> &mut LedgerAccount {
        self.accounts.entry((account.clone(), window)).or_default()
    }
}
