//! What the commits of a batch change in the usage ledger, worked out on what it has of their turns.

use std::collections::BTreeMap;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, ReservationKey, Spent, Tokens, UsageChange};
use soma_core::ids::TurnId;

/// A reservation.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) account: Account,
    pub(crate) window: BudgetWindow,
    pub(crate) reserved: Tokens,
    /// None until it is settled.
    pub(crate) used: Option<Tokens>,
    pub(crate) change: Change,
}

/// What is to be written of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Settled,
    New,
}

/// By how much sums change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delta {
    pub(crate) reserved: i64,
    pub(crate) used: i64,
}

/// The reservations of some turns, and the sums of some accounts.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: BTreeMap<ReservationKey, Entry>,
    pub(crate) spent: BTreeMap<(Account, BudgetWindow), Spent>,
    pub(crate) deltas: BTreeMap<(Account, BudgetWindow), Delta>,
}

impl Ledger {
    /// Whether there is room for what a commit sets aside.
    pub(crate) fn has_room_for(&self, change: &UsageChange) -> bool {
        let UsageChange::Reserve { key, account, window, amount, limit: Some(limit) } = change
        else {
            return true;
        };
        if self.entries.contains_key(key) {
            return true;
        }
        let place = (account.clone(), *window);
        let spent = self.spent.get(&place).copied().unwrap_or_default();
        let delta = self.deltas.get(&place).copied().unwrap_or_default();
        let total = spent.total().saturating_add_signed(delta.reserved + delta.used);
        total.saturating_add(*amount) <= *limit
    }

    /// Applies a change of a commit. All of them are idempotent by key.
    pub(crate) fn apply(&mut self, change: &UsageChange) {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: _ } => {
                self.reserve(*key, account, *window, *amount);
            }
            UsageChange::Settle { reservation, used } => {
                let matches = self.entries.get(&reservation.key).is_some_and(|entry| {
                    entry.account == reservation.account && entry.window == reservation.window
                });
                if matches {
                    self.settle(reservation.key, *used);
                }
            }
            UsageChange::SettleInFull { turn_id } => self.settle_in_full(*turn_id),
        }
    }

    fn reserve(
        &mut self,
        key: ReservationKey,
        account: &Account,
        window: BudgetWindow,
        amount: Tokens,
    ) {
        if self.entries.contains_key(&key) {
            return;
        }
        let account = account.clone();
        let reserved = within(amount);
        self.delta(&account, window).reserved += signed(reserved);
        let entry = Entry { account, window, reserved, used: None, change: Change::New };
        self.entries.insert(key, entry);
    }

    fn settle(&mut self, key: ReservationKey, used: Tokens) {
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.used.is_none()) else {
            return;
        };
        let (used, reserved) = (within(used), entry.reserved);
        entry.used = Some(used);
        if entry.change == Change::None {
            entry.change = Change::Settled;
        }
        let (account, window) = (entry.account.clone(), entry.window);
        let delta = self.delta(&account, window);
        delta.reserved -= signed(reserved);
        delta.used += signed(used);
    }

    fn settle_in_full(&mut self, turn_id: TurnId) {
        let key = |call| ReservationKey { turn_id, call };
        let range = self.entries.range(key(u32::MIN)..=key(u32::MAX));
        let open: Vec<_> = range.map(|(key, entry)| (*key, entry.reserved)).collect();
        for (key, reserved) in open {
            self.settle(key, reserved);
        }
    }

    fn delta(&mut self, account: &Account, window: BudgetWindow) -> &mut Delta {
        self.deltas.entry((account.clone(), window)).or_default()
    }
}

/// The most that one reservation can be: thousands of them still add up in a column.
fn within(amount: Tokens) -> Tokens {
    amount.min(i64::MAX.unsigned_abs() >> 16)
}

fn signed(amount: Tokens) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX >> 16)
}
