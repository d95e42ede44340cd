//! The hot counter of tokens: is there room?

use async_trait::async_trait;

use super::PortResult;
use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Grant, Reservation, ReservationRequest, Tokens};

/// Answers whether an account has room, for all workers at once. The ledger in the store is the
/// record; this is its projection, and may be rebuilt from it at any time
/// ([`UsageLedger`](super::UsageLedger)).
///
/// Every call names account and window: an implementation finds its counter by them, and needs no
/// table of keys. A key is asked for in one account and one window only.
///
/// # Contract
///
/// - used + reserved of an account in a window never exceeds the limit by a grant, however many
///   ask at the same time.
/// - A grant is between `least` and `want`; where there is no room for `least` it is refused.
/// - [`reserve`](Self::reserve) with a key that has a grant answers that grant again.
/// - [`settle`](Self::settle) replaces the reservation by what was used, and releases it whole if
///   that is nothing; the first settlement stands, and an unknown key is nothing.
/// - What was [refreshed](Self::refresh) is what the ledger has: a grant that is not in it is
///   forgotten.
/// - Accounts and windows do not meet: a settlement that names others changes nothing.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Sets tokens aside.
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant>;

    /// The call used so many; the rest is released.
    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()>;

    /// The counter of this account may be behind the ledger, and is built anew from it. It is behind
    /// if the ledger had no room for a grant ([`CommitOutcome::OverBudget`]), and it may be if it has
    /// less room than was wanted: a worker that dies before it commits a grant leaves that grant in
    /// the counter.
    ///
    /// [`CommitOutcome::OverBudget`]: crate::work::commit::CommitOutcome::OverBudget
    async fn refresh(&self, account: &Account, window: BudgetWindow) -> PortResult<()>;
}
