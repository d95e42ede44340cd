//! How much waits.

use soma_core::work::backlog::Backlog;
use soma_core::work::commit::WorkKind;

use crate::columns::{count, tenant};
use crate::database::{Database, Query, Scope, SqlError};

/// What was accepted, is not done, and waits.
pub(super) async fn read(database: &Database, kind: WorkKind) -> Result<Backlog, SqlError> {
    let (unfinished, accepted) = match kind {
        WorkKind::Turns => (
            "SELECT tenant, count(*) FROM turns WHERE state <> 'done' GROUP BY tenant",
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM turns_id_seq",
        ),
        WorkKind::Calls => (
            "SELECT tenant, count(*) FROM tool_calls WHERE outcome IS NULL GROUP BY tenant",
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM tool_calls_id_seq",
        ),
    };
    let claimed = "
        SELECT tenant, count(*) FROM work_claims
         WHERE kind = $1 AND owner IS NOT NULL GROUP BY tenant";
    let text = kind.as_str();
    let unit = database.unit(Scope::platform()).await?;
    let [unfinished, accepted, claimed] = unit
        .commit([
            Query::new(unfinished, vec![]),
            Query::new(accepted, vec![]),
            Query::new(claimed, vec![&text]),
        ])
        .await?;
    let mut backlog = Backlog::default();
    for row in &accepted {
        backlog.accepted = count(row, 0)?;
    }
    for row in &unfinished {
        let open = count(row, 1)?;
        backlog.unfinished += open;
        backlog.waiting.insert(tenant(row, 0)?, open);
    }
    for row in &claimed {
        if let Some(waiting) = backlog.waiting.get_mut(&tenant(row, 0)?) {
            *waiting = waiting.saturating_sub(count(row, 1)?);
        }
    }
    backlog.waiting.retain(|_, waiting| *waiting > 0);
    Ok(backlog)
}

/// How many sessions have work that no living owner has claimed.
pub(super) async fn depth(database: &Database, kind: WorkKind) -> Result<usize, SqlError> {
    let sql = "
        SELECT (SELECT count(*) FROM work_claims
                 WHERE kind = $1 AND oldest IS NOT NULL AND owner IS NULL)
             + (SELECT count(*) FROM work_claims
                 WHERE kind = $1 AND oldest IS NOT NULL AND owner IS NOT NULL
                   AND owner <> ALL (ARRAY(
                       SELECT owner FROM work_owners WHERE kind = $1 AND until > soma_now())))";
    let text = kind.as_str();
    let rows = database.rows(Scope::platform(), Query::new(sql, vec![&text])).await?;
    let depth = rows.first().map(|row| count(row, 0)).transpose()?.unwrap_or(0);
    Ok(usize::try_from(depth).unwrap_or(usize::MAX))
}
