//! The arithmetic of one account in one window, as a value: the model that every ledger follows.

use std::collections::BTreeMap;

use super::{Grant, ReservationKey, Spent, Tokens};
use crate::ids::TurnId;

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

/// What the ledger has of one account in one window: as much as a counter needs, since nobody asks
/// again for a reservation that is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What was used, as far as it is settled.
    pub used: Tokens,
    /// What is set aside and not settled, by reservation.
    pub open: BTreeMap<ReservationKey, Tokens>,
}

impl Balance {
    /// What is used and set aside.
    pub fn spent(&self) -> Spent {
        Spent { used: self.used, reserved: self.open.values().sum() }
    }
}

/// The reservations of one account in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerAccount {
    entries: BTreeMap<ReservationKey, Entry>,
    /// The sums of all reservations, also of those whose entries are not known here.
    spent: Spent,
}

impl From<Balance> for LedgerAccount {
    /// A counter that knows what the ledger has.
    fn from(balance: Balance) -> Self {
        let spent = balance.spent();
        let entry = |(key, reserved)| (key, Entry { reserved, used: None });
        Self { entries: balance.open.into_iter().map(entry).collect(), spent }
    }
}

impl LedgerAccount {
    /// What is used and set aside.
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// How many reservations are known, settled ones included.
    pub fn known(&self) -> usize {
        self.entries.len()
    }

    /// Forgets the reservations that are settled, but the newest `kept` of all that are known. The sums
    /// stay.
    pub fn forget_settled(&mut self, kept: usize) {
        let mut old = self.entries.len().saturating_sub(kept);
        self.entries.retain(|_, entry| {
            let is_old = old > 0;
            old = old.saturating_sub(1);
            !is_old || entry.used.is_none()
        });
    }

    /// What a counter is rebuilt from.
    pub fn balance(&self) -> Balance {
        let open = self.entries.iter().filter(|(_, entry)| entry.used.is_none());
        let open = open.map(|(key, entry)| (*key, entry.reserved)).collect();
        Balance { used: self.spent.used, open }
    }

    /// Counts as used, whole, what a turn has set aside.
    pub fn settle_in_full(&mut self, turn_id: TurnId) {
        let key = |call| ReservationKey { turn_id, call };
        for entry in self.entries.range_mut(key(u32::MIN)..=key(u32::MAX)).map(|(_, entry)| entry) {
            self.spent.settle(entry, entry.reserved);
        }
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
        let grant = grant(self.spent, limit, want, least);
        if let Grant::Granted(amount) = grant {
            self.restore(key, amount);
        }
        grant
    }

    /// Records that the call under `key` used so many tokens. The first settlement stands.
    pub fn settle(&mut self, key: ReservationKey, used: Tokens) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.spent.settle(entry, used);
        }
    }

    /// Adds a reservation that was granted elsewhere; nothing if the key is there.
    pub fn restore(&mut self, key: ReservationKey, reserved: Tokens) {
        self.entries.entry(key).or_insert_with(|| {
            self.spent.reserved = self.spent.reserved.saturating_add(reserved);
            Entry { reserved, used: None }
        });
    }
}

impl Spent {
    /// Moves a reservation from what is set aside to what is used, unless it is settled.
    fn settle(&mut self, entry: &mut Entry, used: Tokens) {
        if entry.used.is_none() {
            entry.used = Some(used);
            self.reserved = self.reserved.saturating_sub(entry.reserved);
            self.used = self.used.saturating_add(used);
        }
    }
}

/// Whether there is room under `limit`, and for how much between `least` and `want`.
///
/// What is granted never crosses the limit, so used + reserved stays at or below it as long as no
/// call uses more than it reserved.
pub fn grant(spent: Spent, limit: Option<Tokens>, want: Tokens, least: Tokens) -> Grant {
    let Some(limit) = limit else { return Grant::Granted(want) };
    let room = limit.saturating_sub(spent.total());
    let amount = want.min(room);
    if amount >= least && amount > 0 { Grant::Granted(amount) } else { Grant::Refused }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::testing::holds;

    const LIMIT: Tokens = 100;

    fn key(call: u32) -> ReservationKey {
        ReservationKey { turn_id: TurnId::from_uuid(Uuid::nil()), call }
    }

    /// What happens to a few calls, again and again.
    #[derive(Clone, Debug)]
    enum Act {
        /// A worker asks, maybe not for the first time.
        Ask { call: u32, want: Tokens, least: Tokens },
        /// The grant is committed to the ledger: from here on the call may be made.
        Record { call: u32 },
        /// The call used so much of its reservation; nothing releases it.
        Settle { call: u32, percent: Tokens },
        /// Every process dies; the counter is rebuilt from the ledger.
        Crash,
    }

    fn act() -> impl Strategy<Value = Act> {
        let call = 1_u32..7;
        prop_oneof![
            4 => (call.clone(), 0..=LIMIT, 0..=LIMIT / 2)
                .prop_map(|(call, want, least)| Act::Ask { call, want, least }),
            3 => call.clone().prop_map(|call| Act::Record { call }),
            2 => (call.clone(), 0..=150_u64)
                .prop_map(|(call, percent)| Act::Settle { call, percent }),
            1 => call.prop_map(|call| Act::Settle { call, percent: 0 }),
            1 => Just(Act::Crash),
        ]
    }

    #[derive(Default)]
    struct World {
        counter: LedgerAccount,
        ledger: LedgerAccount,
        in_flight: BTreeMap<ReservationKey, Tokens>,
    }

    impl World {
        fn perform(&mut self, act: &Act) {
            match *act {
                Act::Ask { call, want, least } => self.ask(key(call), want, least),
                Act::Record { call } => {
                    if let Some(reserved) = self.in_flight.remove(&key(call)) {
                        self.ledger.restore(key(call), reserved);
                    }
                }
                Act::Settle { call, percent } => {
                    if let Some(entry) = self.ledger.entry(key(call)) {
                        let used = entry.reserved * percent / 100;
                        self.ledger.settle(key(call), used);
                        self.counter.settle(key(call), used);
                    }
                }
                Act::Crash => {
                    self.in_flight.clear();
                    self.counter = self.ledger.balance().into();
                }
            }
        }

        fn ask(&mut self, key: ReservationKey, want: Tokens, least: Tokens) {
            if self.ledger.entry(key).is_some_and(|entry| entry.used.is_some()) {
                return; // The call was made: its turn goes on with the next.
            }
            let known = self.counter.entry(key);

            let grant = self.counter.reserve(key, Some(LIMIT), want, least);

            match (known, grant) {
                (Some(entry), grant) => assert_eq!(grant, Grant::Granted(entry.reserved)),
                (None, Grant::Granted(amount)) => {
                    assert!(least <= amount && amount <= want, "{amount}");
                    self.in_flight.insert(key, amount);
                }
                (None, Grant::Refused) => assert_eq!(self.counter.entry(key), None),
            }
        }

        /// What calls used beyond their reservations, against their promise.
        fn overrun(&self) -> Tokens {
            let entries = self.ledger.entries.values();
            let over = entries.filter_map(|entry| entry.used?.checked_sub(entry.reserved));
            over.sum()
        }
    }

    /// And it never exceeds it at all while no call uses more than it reserved.
    #[test]
    fn spending_exceeds_the_limit_by_no_more_than_calls_exceed_their_reservations() {
        holds(256, &vec(act(), 0..60), |acts| {
            let mut world = World::default();

            for act in &acts {
                world.perform(act);

                let Spent { used, reserved } = world.counter.spent();
                assert!(used + reserved <= LIMIT + world.overrun(), "{used} + {reserved}");
                let held = world.in_flight.values().sum::<Tokens>();
                let recorded = world.ledger.spent();
                assert_eq!((recorded.used, recorded.reserved + held), (used, reserved));
            }
        });
    }

    #[test]
    fn what_is_forgotten_of_an_account_stays_in_its_sums() {
        let mut account = LedgerAccount::default();
        for call in 1..=5 {
            account.reserve(key(call), Some(LIMIT), 10, 10);
        }
        for call in [1, 3, 4, 5] {
            account.settle(key(call), 5);
        }

        account.forget_settled(2);

        let known = (1..=5).filter(|call| account.entry(key(*call)).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(account.spent(), Spent { used: 20, reserved: 10 });
    }

    #[test]
    fn what_is_not_used_is_released() {
        let mut account = LedgerAccount::default();
        account.reserve(key(1), Some(LIMIT), 60, 10);

        account.settle(key(1), 45);

        assert_eq!(account.entry(key(1)).map(|entry| entry.released()), Some(15));
        assert_eq!(account.reserve(key(2), Some(LIMIT), 60, 10), Grant::Granted(55));
    }
}
