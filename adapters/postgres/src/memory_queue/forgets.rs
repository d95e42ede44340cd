//! Sessions that were erased, and whose memories are still to be forgotten.

use std::time::Duration;

use soma_core::ids::SessionId;
use soma_core::ports::memory_queue::DueForget;
use tokio_postgres::Row;

use crate::columns::{limit, micros, tenant, timestamp};
use crate::database::{Database, Query, Scope, SqlError};

/// What is to be forgotten by now, in the order of erasure.
pub(super) async fn due(database: &Database, most: usize) -> Result<Vec<DueForget>, SqlError> {
    let most = limit(most);
    let select = Query::new(
        "SELECT tenant, session_id, erased_at FROM memory_forgets
          WHERE due_at <= (SELECT soma_now()) ORDER BY id LIMIT $1",
        vec![&most],
    );
    let rows = database.rows(Scope::platform(), select).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<DueForget, SqlError> {
    Ok(DueForget {
        tenant: tenant(row, 0)?,
        session_id: SessionId::from_uuid(row.try_get(1)?),
        erased_at: timestamp(row, 2)?,
    })
}

/// It was forgotten, and is to be again after so long or not any more.
pub(super) async fn forgot(
    database: &Database,
    forget: &DueForget,
    again_after: Option<Duration>,
) -> Result<(), SqlError> {
    let tenant = forget.tenant.as_str();
    let span = again_after.map(micros);
    let settle = match &span {
        Some(span) => Query::new(
            "UPDATE memory_forgets SET due_at = soma_now() + $3::bigint * interval '1 microsecond'
              WHERE session_id = $1 AND tenant = $2",
            vec![forget.session_id.as_uuid(), &tenant, span],
        ),
        None => Query::new(
            "DELETE FROM memory_forgets WHERE session_id = $1 AND tenant = $2",
            vec![forget.session_id.as_uuid(), &tenant],
        ),
    };
    database.rows(Scope::tenant(&forget.tenant), settle).await?;
    Ok(())
}
