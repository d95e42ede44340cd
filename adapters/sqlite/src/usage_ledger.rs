//! The port `UsageLedger`.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::budget::Account;
use soma_core::budget::account::Balance;
use soma_core::budget::window::BudgetWindow;
use soma_core::ports::{PortResult, UsageLedger};

use crate::database::Database;
use crate::usage;

/// What commits recorded of tokens, read from the database.
#[derive(Clone, Debug)]
pub struct SqliteUsageLedger {
    database: Arc<Database>,
}

impl SqliteUsageLedger {
    /// The ledger in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl UsageLedger for SqliteUsageLedger {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        let account = account.clone();
        self.database.read(move |c| usage::balance(c, &account, window)).await
    }
}
