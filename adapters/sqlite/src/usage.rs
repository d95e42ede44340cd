//! The usage ledger: reservations, what became of them, and their sums.

use rusqlite::{Connection, OptionalExtension, Row, params};
use soma_core::budget::window::BudgetWindow;
use soma_core::budget::{Account, ReservationKey, Spent, Tokens, UsageChange};
use soma_core::ids::{PersonaId, SessionId, TenantId, TurnId};

use crate::database::SqlError;

/// Applies a change of a commit.
pub(crate) fn apply(connection: &Connection, change: &UsageChange) -> Result<(), SqlError> {
    match change {
        UsageChange::Reserve { key, account, window, amount, limit: _ } => {
            reserve(connection, *key, account, *window, *amount)
        }
        UsageChange::Settle { key, used } => settle(connection, *key, *used),
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
    key: ReservationKey,
    used: Tokens,
) -> Result<(), SqlError> {
    let settled: Option<(String, String, i64, i64)> = connection
        .prepare_cached(
            "UPDATE usage_ledger SET used = ?3 WHERE turn_id = ?1 AND call = ?2 AND used IS NULL
             RETURNING tenant, persona_id, budget_window, reserved",
        )?
        .query_row(params![key.turn_id.as_uuid(), key.call, tokens(used)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if let Some((tenant, persona, window, reserved)) = settled {
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
    let open: Vec<(u32, Tokens)> = connection
        .prepare_cached(
            "SELECT call, reserved FROM usage_ledger WHERE turn_id = ?1 AND used IS NULL",
        )?
        .query_and_then([turn_id.as_uuid()], |row| Ok::<_, SqlError>((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let key = |call| ReservationKey { turn_id, call };
    open.into_iter().try_for_each(|(call, reserved)| settle(connection, key(call), reserved))
}

/// Counts as used, whole, what the turns of a session have set aside.
pub(crate) fn settle_in_full(
    connection: &Connection,
    tenant: &TenantId,
    session: SessionId,
) -> Result<(), SqlError> {
    let open: Vec<(ReservationKey, Tokens)> = connection
        .prepare_cached(
            "SELECT l.turn_id, l.call, l.reserved FROM turns t
               JOIN usage_ledger l ON l.turn_id = t.turn_id AND l.used IS NULL
              WHERE t.session_id = ?1 AND t.tenant = ?2",
        )?
        .query_and_then(params![session.as_uuid(), tenant.as_str()], |row| {
            let turn_id = TurnId::from_uuid(row.get(0)?);
            Ok::<_, SqlError>((ReservationKey { turn_id, call: row.get(1)? }, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    open.into_iter().try_for_each(|(key, reserved)| settle(connection, key, reserved))
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

/// A persona is never the empty text, so that stands for none in particular.
fn persona(account: &Account) -> &str {
    account.persona_id.as_ref().map_or("", PersonaId::as_str)
}

/// The most that one reservation can be: thousands of them still add up in a column.
fn tokens(amount: Tokens) -> i64 {
    const MOST: i64 = i64::MAX >> 16;
    i64::try_from(amount).map_or(MOST, |amount| amount.min(MOST))
}
