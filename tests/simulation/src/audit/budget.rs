//! The usage ledger, counted again.

use std::collections::BTreeMap;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Reservation, ReservationKey, Tokens, UsageChange};
use soma_core::ids::{TenantId, TurnId};

use super::invariant::{Invariant, Wrong};

type Place = (Account, BudgetWindow);

#[derive(Debug)]
struct Entry {
    place: Place,
    amount: Tokens,
    used: Option<Tokens>,
}

#[derive(Debug, Default)]
struct Sum {
    reserved: Tokens,
    used: Tokens,
    /// What calls used beyond what they had reserved.
    over: Tokens,
    /// The most that both were together.
    peak: Tokens,
}

/// What every account has used and set aside.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    limit: Option<Tokens>,
    sums: BTreeMap<Place, Sum>,
    reservations: BTreeMap<ReservationKey, Entry>,
    really: BTreeMap<TurnId, Tokens>,
}

impl Accounts {
    pub(super) fn new(limit: Option<Tokens>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// A change took effect. Says what is wrong with it.
    pub(super) fn change(&mut self, change: &UsageChange) -> Result<(), Wrong> {
        match change {
            UsageChange::Reserve { key, account, window, amount, limit: _ } => {
                let place = (account.clone(), *window);
                if self.reservations.contains_key(key) {
                    return Ok(());
                }
                let sum = self.sums.entry(place.clone()).or_default();
                sum.reserved += amount;
                let total = sum.reserved + sum.used;
                sum.peak = sum.peak.max(total);
                let most = self.limit.map(|limit| limit + sum.over);
                self.reservations.insert(*key, Entry { place, amount: *amount, used: None });
                if most.is_some_and(|most| total > most) {
                    let what = format!("{account:?} has {total} of {most:?} tokens after {key:?}");
                    return Err((Invariant::Budget, what));
                }
                Ok(())
            }
            UsageChange::Settle { reservation, used } => {
                let Reservation { key, account, window } = reservation;
                let Some(found) = self.reservations.get_mut(key) else {
                    // A release of what may have been set aside and was not.
                    if *used == 0 {
                        return Ok(());
                    }
                    return Err((
                        Invariant::Budget,
                        format!("{key:?} was settled, never reserved"),
                    ));
                };
                if found.place != (account.clone(), *window) {
                    let what = format!("{reservation:?} was reserved from {:?}", found.place);
                    return Err((Invariant::Budget, what));
                }
                if found.used.is_none() {
                    found.used = Some(*used);
                    let sum = self.sums.entry(found.place.clone()).or_default();
                    sum.reserved -= found.amount;
                    sum.used += used;
                    sum.over += used.saturating_sub(found.amount);
                    sum.peak = sum.peak.max(sum.reserved + sum.used);
                }
                Ok(())
            }
            UsageChange::SettleInFull { turn_id } => {
                self.erase(*turn_id);
                Ok(())
            }
        }
    }

    /// What was reserved for an erased session's turn was settled in full.
    pub(super) fn erase(&mut self, turn: TurnId) {
        let open = self.of(turn).filter(|(_, found)| found.used.is_none());
        let settled = open.map(|(key, found)| {
            let (account, window) = found.place.clone();
            let reservation = Reservation { key: *key, account, window };
            UsageChange::Settle { reservation, used: found.amount }
        });
        for change in settled.collect::<Vec<_>>() {
            let _settled = self.change(&change);
        }
    }

    /// How many tokens a tenant may use, if not as many as it likes.
    pub(super) const fn limit(&self) -> Option<Tokens> {
        self.limit
    }

    /// The most that was ever used or set aside in an account of the tenant, if there is a limit.
    pub(super) fn peak(&self, tenant: &TenantId) -> Option<Tokens> {
        self.limit?;
        let sums = self.sums.iter().filter(|((account, _), _)| account.tenant == *tenant);
        Some(sums.map(|(_, sum)| sum.peak).max().unwrap_or_default())
    }

    /// What a turn has reserved and not settled.
    pub(super) fn open(&self, turn: TurnId) -> Option<ReservationKey> {
        let mut open = self.of(turn).filter(|(_, found)| found.used.is_none());
        open.next_back().map(|(key, _)| *key)
    }

    /// The amount that is reserved under a key and not settled.
    pub(super) fn amount(&self, key: ReservationKey) -> Option<Tokens> {
        let found = self.reservations.get(&key).filter(|found| found.used.is_none());
        found.map(|found| found.amount)
    }

    /// How many reservations a turn has made.
    pub(super) fn reservations(&self, turn: TurnId) -> u32 {
        u32::try_from(self.of(turn).count()).unwrap_or(u32::MAX)
    }

    /// What the calls of a turn have used, as far as they are settled.
    pub(super) fn settled(&self, turn: TurnId) -> Tokens {
        self.of(turn).filter_map(|(_, reservation)| reservation.used).sum()
    }

    fn of(&self, turn: TurnId) -> impl DoubleEndedIterator<Item = (&ReservationKey, &Entry)> {
        let key = |call| ReservationKey { turn_id: turn, call };
        self.reservations.range(key(0)..=key(u32::MAX))
    }

    pub(super) fn really_used(&mut self, turn: TurnId, tokens: Tokens) {
        *self.really.entry(turn).or_default() += tokens;
    }

    /// What does not add up now that nothing is under way: accounts with what they have, and what
    /// is wrong with the reservations.
    pub(super) fn at_rest(&self, found: &mut Vec<Wrong>) {
        for (key, reservation) in &self.reservations {
            if reservation.used.is_none() {
                found.push((Invariant::Budget, format!("{key:?} is still set aside")));
            }
        }
        for (turn, really) in &self.really {
            let settled = self.settled(*turn);
            if settled < *really {
                let what = format!("{turn} used {really} tokens, and {settled} were settled");
                found.push((Invariant::Budget, what));
            }
        }
    }

    /// Every account with what it has used by the auditor's count.
    pub(super) fn used(&self) -> impl Iterator<Item = (&Place, Tokens)> {
        self.sums.iter().map(|(place, sum)| (place, sum.used))
    }
}
