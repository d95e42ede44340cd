//! Tokens: accounts, windows, reservations and what becomes of them.

pub mod account;
pub mod window;

use serde::{Deserialize, Serialize};

use crate::ids::{PersonaId, TenantId, TurnId};
use window::BudgetWindow;

/// A number of tokens.
pub type Tokens = u64;

/// Whose tokens: a tenant's, for one persona or for none in particular.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The tenant.
    pub tenant: TenantId,
    /// The persona, if one was named.
    pub persona_id: Option<PersonaId>,
}

/// One reservation: the `call`-th model call of a turn, from 1. Stable across crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReservationKey {
    /// The turn.
    pub turn_id: TurnId,
    /// Counts the model calls of the turn, from 1.
    pub call: u32,
}

/// A reservation and where its tokens were taken from: all that a counter needs to find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Which.
    pub key: ReservationKey,
    /// Whose tokens.
    pub account: Account,
    /// The window they were taken from.
    pub window: BudgetWindow,
}

/// A request to set tokens aside before a model call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRequest {
    /// Asking again with the same key gives the same answer.
    pub key: ReservationKey,
    /// Whose tokens.
    pub account: Account,
    /// The window they are taken from.
    pub window: BudgetWindow,
    /// The most the account may use in the window; `None` is without limit.
    pub limit: Option<Tokens>,
    /// What the call may use at most.
    pub want: Tokens,
    /// What the call is still worth making with.
    pub least: Tokens,
}

/// The answer to a [`ReservationRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    /// So many tokens are set aside: between `least` and `want`.
    Granted(Tokens),
    /// There is no room for `least`.
    Refused,
}

/// What an account has used and set aside in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Settled.
    pub used: Tokens,
    /// Set aside and not yet settled or released.
    pub reserved: Tokens,
}

impl Spent {
    /// Used and set aside together.
    #[must_use]
    pub const fn total(self) -> Tokens {
        self.used.saturating_add(self.reserved)
    }
}

/// A change to the usage ledger, as part of a commit. All idempotent by key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UsageChange {
    /// Tokens were set aside; nothing if the key is there.
    Reserve {
        /// Which reservation.
        key: ReservationKey,
        /// Whose tokens.
        account: Account,
        /// The window they are taken from.
        window: BudgetWindow,
        /// How many.
        amount: Tokens,
        /// The most the account may have used and set aside with it; `None` is without limit. The
        /// counter that granted it may not know of all that the ledger has.
        limit: Option<Tokens>,
    },
    /// The call used so many; the rest of the reservation is released. Nothing if settled.
    Settle {
        /// Which reservation.
        reservation: Reservation,
        /// How many were used: 0 releases it whole.
        used: Tokens,
    },
    /// All that a turn has set aside and not settled counts as used: nobody knows how much was.
    SettleInFull {
        /// Which turn.
        turn_id: TurnId,
    },
}
