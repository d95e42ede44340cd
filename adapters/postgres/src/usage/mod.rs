//! The usage ledger: reservations, what became of them, and their sums.

pub(crate) mod ledger;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use soma_core::budget::account::Balance;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, ReservationKey};
use soma_core::ids::{PersonaId, TurnId};
use soma_core::ports::{PortResult, UsageLedger};

use crate::columns::{count, small};
use crate::database::{Database, Query, Scope, SqlError};

pub(crate) use rows::{Accounts, NewUsage, OF_TURNS};

/// What commits recorded of tokens, read from the database.
#[derive(Clone, Debug)]
pub struct PostgresUsageLedger {
    database: Arc<Database>,
}

impl PostgresUsageLedger {
    /// The ledger in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// In one statement: what is open and what is used are of one moment.
    async fn read(&self, account: &Account, window: BudgetWindow) -> Result<Balance, SqlError> {
        let sql = "
            SELECT NULL::uuid, 0::int8, used FROM usage_totals
             WHERE tenant = $1 AND persona_id = $2 AND budget_window = $3
            UNION ALL
            SELECT turn_id, call, reserved FROM usage_ledger
             WHERE tenant = $1 AND persona_id = $2 AND budget_window = $3 AND used IS NULL";
        let (tenant, persona) = (account.tenant.as_str(), persona(account));
        let query = Query::new(sql, vec![&tenant, &persona, &window.0]);
        let rows = self.database.rows(Scope::tenant(&account.tenant), query).await?;
        let (mut used, mut open) = (0, BTreeMap::new());
        for row in rows {
            let tokens = count(&row, 2)?;
            match row.try_get(0)? {
                None => used = tokens,
                Some(turn) => {
                    let key =
                        ReservationKey { turn_id: TurnId::from_uuid(turn), call: small(&row, 1)? };
                    open.insert(key, tokens);
                }
            }
        }
        Ok(Balance { used, open })
    }
}

#[async_trait]
impl UsageLedger for PostgresUsageLedger {
    async fn balance(&self, account: &Account, window: BudgetWindow) -> PortResult<Balance> {
        Ok(self.read(account, window).await?)
    }
}

/// A persona is never the empty text, so that stands for none in particular.
fn persona(account: &Account) -> &str {
    account.persona_id.as_ref().map_or("", PersonaId::as_str)
}
