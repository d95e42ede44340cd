//! The record of tokens: what counters are rebuilt from.

use async_trait::async_trait;

use super::PortResult;
use crate::budget::Account;
use crate::budget::account::Balance;
use crate::budget::window::BudgetWindow;

/// Reads what commits recorded of tokens. A counter elsewhere ([`Budget`](super::Budget)) that lost
/// what it knew, or has less room than it should, is rebuilt from it.
///
/// # Contract
///
/// - What a commit set aside is in the [`balance`](Self::balance) under its key until a commit
///   settles it, and what was used of it is in the sum from then on.
/// - Accounts and windows do not meet.
/// - A balance is of one moment: no reservation is in it twice, or neither open nor used.
#[async_trait]
pub trait UsageLedger: Send + Sync {
    /// What an account has used in a window, and what it has set aside.
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance>;
}
