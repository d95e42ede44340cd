//! The ports `UsageLedger` and `Budget`, which is on the ledger itself: nothing to rebuild.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use soma_core::budget::account::{Balance, grant};
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Grant, Reservation, ReservationRequest, Spent, Tokens};
use soma_core::ports::{Budget, PortResult, UsageLedger};

use crate::database::{Database, Durability, SqlError};
use crate::usage;

/// Answers from the usage ledger. The commit that a call depends on repeats what was reserved or
/// used and is fully durable, so these writes need not be.
#[derive(Clone, Debug)]
pub struct SqliteBudget {
    database: Arc<Database>,
}

impl SqliteBudget {
    /// The budgets in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl UsageLedger for SqliteBudget {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        let account = account.clone();
        self.database.read(move |c| usage::balance(c, &account, window)).await
    }
}

#[async_trait]
impl Budget for SqliteBudget {
    async fn reserve(&self, request: &ReservationRequest) -> PortResult<Grant> {
        let request = request.clone();
        self.database.write(Durability::Relaxed, move |c| reserve(c, &request)).await
    }

    async fn settle(&self, reservation: &Reservation, used: Tokens) -> PortResult<()> {
        let reservation = reservation.clone();
        self.database
            .write(Durability::Relaxed, move |c| usage::settle(c, &reservation, used))
            .await
    }

    async fn refresh(&self, _account: &Account, _window: BudgetWindow) -> PortResult<()> {
        Ok(())
    }

    async fn spent(&self, account: &Account, window: BudgetWindow) -> PortResult<Spent> {
        let account = account.clone();
        self.database.read(move |c| usage::spent(c, &account, window)).await
    }
}

fn reserve(connection: &Connection, request: &ReservationRequest) -> Result<Grant, SqlError> {
    if let Some(granted) = usage::granted(connection, request.key)? {
        return Ok(Grant::Granted(granted));
    }
    let spent = usage::spent(connection, &request.account, request.window)?;
    let grant = grant(spent, request.limit, request.want, request.least);
    if let Grant::Granted(amount) = grant {
        usage::reserve(connection, request.key, &request.account, request.window, amount)?;
    }
    Ok(grant)
}
