//! The usage ledger: reservations, what became of them, and their sums.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::budget::account::Balance;
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, Reservation, ReservationKey, Spent, Tokens, UsageChange};
use soma_core::ids::{PersonaId, SessionId, TenantId, TurnId};

use crate::database::SqlError;

/// Applies a change of a commit.
pub(crate) fn apply(connection: &Connection, change: &UsageChange) -> Result<(), SqlError> {
    match change {
        UsageChange::Reserve { key, account, window, amount, limit: _ } => {
            reserve(connection, *key, account, *window, *amount)
        }
        UsageChange::Settle { reservation, used } => settle(connection, reservation, *used),
        UsageChange::SettleInFull { turn_id } => settle_turn_in_full(connection, *turn_id),
    }
}

/// Whether there is room for what a commit sets aside.
pub(crate) fn has_room_for(
    connection: &Connection,
    change: &UsageChange,
) -> Result<bool, SqlError> {
    let UsageChange::Reserve { key, account, window, amount, limit: Some(limit) } = change else {
        return Ok(true);
    };
    if granted(connection, *key)?.is_some() {
        return Ok(true);
    }
    let spent = spent(connection, account, *window)?;
    Ok(spent.total().saturating_add(*amount) <= *limit)
}

/// How many tokens were granted under `key`, if any were.
pub(crate) fn granted(
    connection: &Connection,
    key: ReservationKey,
) -> Result<Option<Tokens>, SqlError> {
    let granted = connection
        .prepare_cached("SELECT reserved FROM usage_ledger WHERE turn_id = ?1 AND call = ?2")?
        .query_row(params![key.turn_id.as_uuid(), key.call], |row| row.get(0))
        .optional()?;
    Ok(granted)
}

/// Records a reservation; nothing if the key is there.
pub(crate) fn reserve(
    connection: &Connection,
    key: ReservationKey,
    account: &Account,
    window: BudgetWindow,
    amount: Tokens,
) -> Result<(), SqlError> {
    let (tenant, persona) = (account.tenant.as_str(), persona(account));
    let added = connection
        .prepare_cached(
            "INSERT INTO usage_ledger (tenant, persona_id, budget_window, turn_id, call, reserved)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (turn_id, call) DO NOTHING",
        )?
        .execute(params![
            tenant,
            persona,
            window.0,
            key.turn_id.as_uuid(),
            key.call,
            tokens(amount)
        ])?;
    if added > 0 {
        connection
            .prepare_cached(
                "INSERT INTO usage_totals (tenant, persona_id, budget_window, reserved)
                 VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (tenant, persona_id, budget_window) DO UPDATE SET
                     reserved = reserved + excluded.reserved",
            )?
            .execute(params![tenant, persona, window.0, tokens(amount)])?;
    }
    Ok(())
}

/// Records what a call used; nothing if it is settled, or if the key is unknown.
pub(crate) fn settle(
    connection: &Connection,
    reservation: &Reservation,
    used: Tokens,
) -> Result<(), SqlError> {
    let Reservation { key, account, window } = reservation;
    let (tenant, persona, window) = (account.tenant.as_str(), persona(account), window.0);
    let settled: Option<i64> = connection
        .prepare_cached(
            "UPDATE usage_ledger SET used = ?3
              WHERE turn_id = ?1 AND call = ?2 AND used IS NULL
                AND tenant = ?4 AND persona_id = ?5 AND budget_window = ?6
             RETURNING reserved",
        )?
        .query_row(
            params![key.turn_id.as_uuid(), key.call, tokens(used), tenant, persona, window],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(reserved) = settled {
        connection
            .prepare_cached(
                "UPDATE usage_totals SET reserved = reserved - ?4, used = used + ?5
                  WHERE tenant = ?1 AND persona_id = ?2 AND budget_window = ?3",
            )?
            .execute(params![tenant, persona, window, reserved, tokens(used)])?;
    }
    Ok(())
}

/// Counts as used, whole, what a turn has set aside.
fn settle_turn_in_full(connection: &Connection, turn_id: TurnId) -> Result<(), SqlError> {
    let open: Vec<(Reservation, Tokens)> = connection
        .prepare_cached(
            "SELECT turn_id, call, reserved, tenant, persona_id, budget_window
               FROM usage_ledger WHERE turn_id = ?1 AND used IS NULL",
        )?
        .query_and_then([turn_id.as_uuid()], open_reservation)?
        .collect::<Result<_, _>>()?;
    settle_all(connection, &open)
}

/// Counts as used, whole, what the turns of a session have set aside.
pub(crate) fn settle_in_full(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
) -> Result<(), SqlError> {
    let open: Vec<(Reservation, Tokens)> = connection
        .prepare_cached(
            "SELECT l.turn_id, l.call, l.reserved, l.tenant, l.persona_id, l.budget_window
               FROM turns t
               JOIN usage_ledger l ON l.turn_id = t.turn_id AND l.used IS NULL
              WHERE t.session_id = ?1 AND t.tenant = ?2",
        )?
        .query_and_then(params![session.as_uuid(), tenant.as_str()], open_reservation)?
        .collect::<Result<_, _>>()?;
    settle_all(connection, &open)
}

fn open_reservation(row: &Row<'_>) -> Result<(Reservation, Tokens), SqlError> {
    let tenant = TenantId::new(row.get::<_, String>(3)?)?;
    let persona = row.get::<_, String>(4)?;
    let persona_id = (!persona.is_empty()).then(|| PersonaId::new(persona)).transpose()?;
    let reservation = Reservation {
        key: key(row)?,
        account: Account { tenant, persona_id },
        window: BudgetWindow(row.get(5)?),
    };
    Ok((reservation, row.get(2)?))
}

fn settle_all(connection: &Connection, open: &[(Reservation, Tokens)]) -> Result<(), SqlError> {
    open.iter().try_for_each(|(open, reserved)| settle(connection, open, *reserved))
}

/// What an account has used and set aside in a window.
pub(crate) fn spent(
    connection: &Connection,
    account: &Account,
    window: BudgetWindow,
) -> Result<Spent, SqlError> {
    let read = |row: &Row<'_>| Ok(Spent { used: row.get(0)?, reserved: row.get(1)? });
    let spent = connection
        .prepare_cached(
            "SELECT used, reserved FROM usage_totals
              WHERE tenant = ?1 AND persona_id = ?2 AND budget_window = ?3",
        )?
        .query_row(params![account.tenant.as_str(), persona(account), window.0], read)
        .optional()?;
    Ok(spent.unwrap_or_default())
}

/// What an account has used in a window, and what it has set aside.
pub(crate) fn balance(
    connection: &Connection,
    account: &Account,
    window: BudgetWindow,
) -> Result<Balance, SqlError> {
    let Spent { used, .. } = spent(connection, account, window)?;
    let open = connection
        .prepare_cached(
            "SELECT turn_id, call, reserved FROM usage_ledger INDEXED BY usage_ledger_open
              WHERE tenant = ?1 AND persona_id = ?2 AND budget_window = ?3 AND used IS NULL",
        )?
        .query_map(params![account.tenant.as_str(), persona(account), window.0], |row| {
            Ok((key(row)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    Ok(Balance { used, open })
}

fn key(row: &Row<'_>) -> rusqlite::Result<ReservationKey> {
    Ok(ReservationKey { turn_id: TurnId::from_uuid(row.get(0)?), call: row.get(1)? })
}

/// A persona is never the empty text, so that stands for none in particular.
fn persona(account: &Account) -> &str {
    account.persona_id.as_ref().map_or("", PersonaId::as_str)
}

/// The most that one reservation can be: thousands of them still add up in a column.
fn tokens(amount: Tokens) -> i64 {
    const MOST: i64 = i64::MAX >> 16;
    i64::try_from(amount).map_or(MOST, |amount| amount.min(MOST))
}
