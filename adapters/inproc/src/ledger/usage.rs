//! The usage ledger: what was reserved and what was used.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::Vacant;

use soma_core::budget::account::{Entry, LedgerAccount};
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{
    Account, Grant, ReservationKey, ReservationRequest, Spent, Tokens, UsageChange,
};
use soma_core::ids::TurnId;

type Place = (Account, BudgetWindow);

/// The accounts, and where each reservation was made.
#[derive(Debug, Default)]
pub(super) struct UsageTable {
    accounts: BTreeMap<Place, LedgerAccount>,
    places: BTreeMap<ReservationKey, Place>,
}

impl UsageTable {
    /// Sets tokens aside; the first grant of a key stands, in whatever window it was made.
    pub(super) fn reserve(&mut self, request: &ReservationRequest) -> Grant {
        let ReservationRequest { key, account, window, limit, want, least } = request;
        let asked = (account.clone(), *window);
        let place = self.places.get(key).unwrap_or(&asked).clone();
        let grant =
            self.accounts.entry(place.clone()).or_default().reserve(*key, *limit, *want, *least);
        if matches!(grant, Grant::Granted(_)) {
            self.places.insert(*key, place);
        }
        grant
    }

    /// Replaces a reservation by what was used.
    pub(super) fn settle(&mut self, key: ReservationKey, used: Tokens) {
        if let Some(account) = self.places.get(&key).and_then(|place| self.accounts.get_mut(place))
        {
            account.settle(key, used);
        }
    }

    /// Counts as used, whole, what a turn has set aside.
    pub(super) fn settle_in_full(&mut self, turn: TurnId) {
        let key = |call| ReservationKey { turn_id: turn, call };
        for (key, place) in self.places.range(key(u32::MIN)..=key(u32::MAX)) {
            let Some(account) = self.accounts.get_mut(place) else { continue };
            let reserved = account.entry(*key).map_or(0, |entry| entry.reserved);
            account.settle(*key, reserved);
        }
    }

    /// Applies what a commit says.
    pub(super) fn change(&mut self, change: UsageChange) {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: _ } => {
                if let Vacant(free) = self.places.entry(key) {
                    let place = free.insert((account, window)).clone();
                    let entry = Entry { reserved: amount, used: None };
                    self.accounts.entry(place).or_default().restore(key, entry);
                }
            }
            UsageChange::Settle { key, used } => self.settle(key, used),
            UsageChange::SettleInFull { turn_id } => self.settle_in_full(turn_id),
        }
    }

    /// Whether there is room for what a commit sets aside.
    pub(super) fn has_room_for(&self, change: &UsageChange) -> bool {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: Some(limit) } => {
                self.places.contains_key(key)
                    || self.spent(account, *window).total().saturating_add(*amount) <= *limit
            }
            UsageChange::Reserve { limit: None, .. }
            | UsageChange::Settle { .. }
            | UsageChange::SettleInFull { .. } => true,
        }
    }

    /// What an account has used and set aside.
    pub(super) fn spent(&self, account: &Account, window: BudgetWindow) -> Spent {
        self.account(account, window).map(LedgerAccount::spent).unwrap_or_default()
    }

    /// The reservations of an account in a window.
    pub(super) fn account(
        &self,
        account: &Account,
        window: BudgetWindow,
    ) -> Option<&LedgerAccount> {
        self.accounts.get(&(account.clone(), window))
    }
}
