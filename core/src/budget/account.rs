//! The arithmetic of one account in one window, as a value: the model that every ledger follows.

use std::collections::BTreeMap;

use super::{Grant, ReservationKey, Spent, Tokens};

/// What happened to one reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How many tokens were set aside.
    pub reserved: Tokens,
    /// How many were used, once settled.
    pub used: Option<Tokens>,
}

impl Entry {
    /// What was set aside and not used, once settled.
    pub fn released(&self) -> Tokens {
        self.used.map_or(0, |used| self.reserved.saturating_sub(used))
    }
}

/// The reservations of one account in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerAccount {
    entries: BTreeMap<ReservationKey, Entry>,
}

impl LedgerAccount {
    /// What is used and set aside.
    pub fn spent(&self) -> Spent {
        self.entries.values().fold(Spent::default(), |sum, entry| match entry.used {
            Some(used) => Spent { used: sum.used + used, ..sum },
            None => Spent { reserved: sum.reserved + entry.reserved, ..sum },
        })
    }

    /// The reservation under `key`, if there is one.
    pub fn entry(&self, key: ReservationKey) -> Option<Entry> {
        self.entries.get(&key).copied()
    }

    /// Sets tokens aside, or says that there is no room; the same answer for the same key.
    pub fn reserve(
        &mut self,
        key: ReservationKey,
        limit: Option<Tokens>,
        want: Tokens,
        least: Tokens,
    ) -> Grant {
        if let Some(entry) = self.entries.get(&key) {
            return Grant::Granted(entry.reserved);
        }
        let grant = grant(self.spent(), limit, want, least);
        if let Grant::Granted(amount) = grant {
            self.entries.insert(key, Entry { reserved: amount, used: None });
        }
        grant
    }

    /// Records that the call under `key` used so many tokens. The first settlement stands.
    pub fn settle(&mut self, key: ReservationKey, used: Tokens) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used.get_or_insert(used);
        }
    }

    /// Adds a reservation that was granted elsewhere: how a counter is rebuilt from the ledger.
    pub fn restore(&mut self, key: ReservationKey, entry: Entry) {
        self.entries.insert(key, entry);
    }
}

/// Whether there is room under `limit`, and for how much between `least` and `want`.
///
/// What is granted never crosses the limit, so used + reserved stays at or below it as long as no
/// call uses more than it reserved.
pub fn grant(spent: Spent, limit: Option<Tokens>, want: Tokens, least: Tokens) -> Grant {
    let Some(limit) = limit else { return Grant::Granted(want) };
    let room = limit.saturating_sub(spent.used.saturating_add(spent.reserved));
    let amount = want.min(room);
    if amount >= least && amount > 0 { Grant::Granted(amount) } else { Grant::Refused }
}
