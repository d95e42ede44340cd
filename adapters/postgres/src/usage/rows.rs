//! Rows of the usage ledger: what a batch reads of them, and what it writes.

use std::collections::BTreeSet;

use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, ReservationKey, Spent, UsageChange};
use soma_core::ids::{PersonaId, TurnId};
use tokio_postgres::Row;
use uuid::Uuid;

use super::ledger::{Change, Entry, Ledger};
use super::persona;
use crate::columns::{count, number, small, tenant};
use crate::database::{Query, SqlError};

/// The reservations of turns ($1).
pub(crate) const OF_TURNS: &str = "
    SELECT turn_id, call, reserved, used, tenant, persona_id, budget_window
      FROM usage_ledger WHERE turn_id = ANY($1)";

/// Accounts in windows, in the order in which every transaction locks them, column by column.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    tenants: Vec<String>,
    personas: Vec<String>,
    windows: Vec<i64>,
}

impl Accounts {
    /// Those whose sums must stand while a batch is applied: none if nothing is limited.
    pub(crate) fn limited<'a>(changes: impl Iterator<Item = &'a UsageChange> + Clone) -> Self {
        let is_limited =
            |change: &UsageChange| matches!(change, UsageChange::Reserve { limit: Some(_), .. });
        if !changes.clone().any(is_limited) {
            return Self::default();
        }
        let place = |change: &'a UsageChange| match change {
            UsageChange::Reserve { account, window, .. } => Some((account, *window)),
            UsageChange::Settle { reservation, .. } => {
                Some((&reservation.account, reservation.window))
            }
            UsageChange::SettleInFull { .. } => None,
        };
        let mut accounts = Self::default();
        for (account, window) in changes.filter_map(place).collect::<BTreeSet<_>>() {
            accounts.push(account, window);
        }
        accounts
    }

    fn push(&mut self, account: &Account, window: BudgetWindow) {
        self.tenants.push(account.tenant.to_string());
        self.personas.push(persona(account).to_owned());
        self.windows.push(window.0);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Whether some of them have no row to hold.
    pub(crate) fn exceed(&self, ledger: &Ledger) -> bool {
        ledger.spent.len() < self.windows.len()
    }

    /// Gives a row to those that have none.
    pub(crate) fn insert(&self) -> Query<'_> {
        let sql = "
            INSERT INTO usage_totals (tenant, persona_id, budget_window)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int8[]) ON CONFLICT DO NOTHING";
        Query::new(sql, vec![&self.tenants, &self.personas, &self.windows])
    }

    /// Holds their sums.
    pub(crate) fn lock(&self) -> Query<'_> {
        let sql = "
            SELECT t.tenant, t.persona_id, t.budget_window, t.used, t.reserved
              FROM unnest($1::text[], $2::text[], $3::int8[]) AS u (tenant, persona_id, budget_window)
              JOIN usage_totals t USING (tenant, persona_id, budget_window)
             ORDER BY 1, 2, 3 FOR NO KEY UPDATE OF t";
        Query::new(sql, vec![&self.tenants, &self.personas, &self.windows])
    }
}

fn account(row: &Row, first: usize) -> Result<(Account, BudgetWindow), SqlError> {
    let persona: &str = row.try_get(first + 1)?;
    let persona_id = (!persona.is_empty()).then(|| PersonaId::new(persona)).transpose()?;
    let account = Account { tenant: tenant(row, first)?, persona_id };
    Ok((account, BudgetWindow(row.try_get(first + 2)?)))
}

impl Ledger {
    /// Reads what [`OF_TURNS`] returned.
    pub(crate) fn read_entries(&mut self, rows: &[Row]) -> Result<(), SqlError> {
        for row in rows {
            let key = ReservationKey {
                turn_id: TurnId::from_uuid(row.try_get(0)?),
                call: small(row, 1)?,
            };
            let used: Option<i64> = row.try_get(3)?;
            let used = used.map(|_| count(row, 3)).transpose()?;
            let (account, window) = account(row, 4)?;
            let reserved = count(row, 2)?;
            let entry = Entry { account, window, reserved, used, change: Change::None };
            self.entries.insert(key, entry);
        }
        Ok(())
    }

    /// Reads what [`Accounts::lock`] returned.
    pub(crate) fn read_spent(&mut self, rows: &[Row]) -> Result<(), SqlError> {
        for row in rows {
            let spent = Spent { used: count(row, 3)?, reserved: count(row, 4)? };
            self.spent.insert(account(row, 0)?, spent);
        }
        Ok(())
    }
}

/// What a batch writes of the ledger, column by column.
#[derive(Debug, Default)]
pub(crate) struct NewUsage {
    reserved: Columns,
    settled: Columns,
    accounts: Accounts,
    reserved_more: Vec<i64>,
    used_more: Vec<i64>,
}

#[derive(Debug, Default)]
struct Columns {
    accounts: Accounts,
    turns: Vec<Uuid>,
    calls: Vec<i64>,
    reserved: Vec<i64>,
    used: Vec<Option<i64>>,
}

impl NewUsage {
    /// What changed in a ledger.
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let mut new = Self::default();
        for (key, entry) in &ledger.entries {
            let columns = match entry.change {
                Change::None => continue,
                Change::New => &mut new.reserved,
                Change::Settled => &mut new.settled,
            };
            columns.accounts.push(&entry.account, entry.window);
            columns.turns.push(*key.turn_id.as_uuid());
            columns.calls.push(key.call.into());
            columns.reserved.push(number(entry.reserved));
            columns.used.push(entry.used.map(number));
        }
        for ((account, window), delta) in &ledger.deltas {
            new.accounts.push(account, *window);
            new.reserved_more.push(delta.reserved);
            new.used_more.push(delta.used);
        }
        new
    }

    /// What writes it.
    pub(crate) fn write(&self) -> impl Iterator<Item = Query<'_>> {
        [self.insert(), self.update(), self.add()].into_iter().flatten()
    }

    fn insert(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO usage_ledger (tenant, persona_id, budget_window, turn_id, call, reserved, used)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::uuid[], $5::int8[], $6::int8[],
                                 $7::int8[])";
        let Columns { accounts, turns, calls, reserved, used } = &self.reserved;
        let Accounts { tenants, personas, windows } = accounts;
        let parameters = || -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
            vec![tenants, personas, windows, turns, calls, reserved, used]
        };
        (!turns.is_empty()).then(|| Query::new(sql, parameters()))
    }

    fn update(&self) -> Option<Query<'_>> {
        let sql = "
            UPDATE usage_ledger l SET used = u.used
              FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS u (turn_id, call, used)
             WHERE l.turn_id = u.turn_id AND l.call = u.call";
        let Columns { turns, calls, used, .. } = &self.settled;
        (!turns.is_empty()).then(|| Query::new(sql, vec![turns, calls, used]))
    }

    fn add(&self) -> Option<Query<'_>> {
        let sql = "
            INSERT INTO usage_totals AS t (tenant, persona_id, budget_window, reserved, used)
            SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[])
            ON CONFLICT (tenant, persona_id, budget_window) DO UPDATE SET
                reserved = t.reserved + excluded.reserved, used = t.used + excluded.used";
        let Accounts { tenants, personas, windows } = &self.accounts;
        let (reserved, used) = (&self.reserved_more, &self.used_more);
        let query = || Query::new(sql, vec![tenants, personas, windows, reserved, used]);
        (!windows.is_empty()).then(query)
    }
}
