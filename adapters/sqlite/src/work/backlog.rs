//! How much waits.

use std::collections::BTreeMap;

use rusqlite::Connection;
use soma_core::ids::TenantId;
use soma_core::work::backlog::Backlog;
use soma_core::work::commit::WorkKind;

use crate::database::SqlError;

/// What was accepted, is not done, and waits.
pub(super) fn read(connection: &Connection, kind: WorkKind) -> Result<Backlog, SqlError> {
    let (unfinished, last) = match kind {
        WorkKind::Turns => (
            "SELECT tenant, count(*) FROM turns WHERE state <> 'done' GROUP BY tenant",
            "SELECT coalesce(max(id), 0) FROM turns",
        ),
        WorkKind::Calls => (
            "SELECT tenant, count(*) FROM tool_calls WHERE outcome IS NULL GROUP BY tenant",
            "SELECT coalesce(max(id), 0) FROM tool_calls",
        ),
    };
    let mut backlog = Backlog {
        accepted: connection.prepare_cached(last)?.query_row([], |row| row.get(0))?,
        ..Backlog::default()
    };
    let claimed = claimed(connection, kind)?;
    let mut rows = connection.prepare_cached(unfinished)?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (tenant, open): (String, u64) = (row.get(0)?, row.get(1)?);
        backlog.unfinished += open;
        let waiting = open.saturating_sub(claimed.get(&tenant).copied().unwrap_or(0));
        if waiting > 0 {
            backlog.waiting.insert(TenantId::new(tenant)?, waiting);
        }
    }
    Ok(backlog)
}

/// How many sessions of each tenant somebody works on.
fn claimed(connection: &Connection, kind: WorkKind) -> Result<BTreeMap<String, u64>, SqlError> {
    connection
        .prepare_cached(
            "SELECT tenant, count(*) FROM work_claims
              WHERE kind = ?1 AND owner IS NOT NULL GROUP BY tenant",
        )?
        .query_and_then([kind.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
