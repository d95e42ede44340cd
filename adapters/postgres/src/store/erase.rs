//! Forgetting a session.

use soma_core::ids::{SessionId, TenantId};
use soma_core::time::Timestamp;

use crate::database::{Database, Query, Scope, SqlError};
use crate::erasing::Erasure;

/// What the turns of a session set aside counts as used, whole.
const SETTLE: &str = "
    WITH settled AS (
        UPDATE usage_ledger l SET used = l.reserved
          FROM turns t
         WHERE t.session_id = $1 AND t.tenant = $2 AND l.turn_id = t.turn_id AND l.used IS NULL
        RETURNING l.tenant, l.persona_id, l.budget_window, l.reserved),
    sums AS (
        SELECT tenant, persona_id, budget_window, sum(reserved)::int8 AS tokens
          FROM settled GROUP BY 1, 2, 3 ORDER BY 1, 2, 3)
    UPDATE usage_totals t SET reserved = t.reserved - s.tokens, used = t.used + s.tokens
      FROM sums s
     WHERE t.tenant = s.tenant AND t.persona_id = s.persona_id AND t.budget_window = s.budget_window";

/// Where the content and the work of a session are. What was used and what was decided stays: it
/// says nothing of what was said.
const TABLES: [&str; 5] = [
    "DELETE FROM session_events WHERE session_id = $1 AND tenant = $2",
    "DELETE FROM turn_inputs WHERE tenant = $2 AND turn_id = ANY(ARRAY(
         SELECT turn_id FROM turns WHERE session_id = $1 AND tenant = $2))",
    "DELETE FROM turns WHERE session_id = $1 AND tenant = $2",
    "DELETE FROM tool_calls WHERE session_id = $1 AND tenant = $2",
    "DELETE FROM work_claims WHERE session_id = $1 AND tenant = $2",
];

/// Deletes everything that was said, and keeps a mark so that no commit brings it back.
pub(super) async fn erase(
    database: &Database,
    tenant: &TenantId,
    session: SessionId,
    at: Timestamp,
) -> Result<bool, SqlError> {
    let mark = "
        UPDATE sessions SET erased = true, persona_id = NULL, metadata = '{}'
         WHERE session_id = $1 AND tenant = $2 AND NOT erased RETURNING true";
    let (id, name) = (*session.as_uuid(), tenant.as_str());
    let mut unit = database.unit(Scope::tenant(tenant)).await?;
    let [marked] = unit.run([Query::new(mark, vec![&id, &name])]).await?;
    if marked.is_empty() {
        unit.roll_back().await;
        return Ok(false);
    }
    let erasure = Erasure::new(tenant, session, at);
    let mut queries = vec![Query::new(SETTLE, vec![&id, &name])];
    queries.extend(TABLES.map(|sql| Query::new(sql, vec![&id, &name])));
    queries.extend(erasure.queries());
    unit.commit(queries).await?;
    Ok(true)
}
