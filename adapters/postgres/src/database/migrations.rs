//! The schema: numbered files in `migrations/postgres`, each run once, in order, and never changed once
//! it is released.

use std::time::Duration;

use refinery::{Migration, Report};
use soma_core::ports::PortError;
use tokio_postgres::types::Type;

use super::settings::{OpenError, Settings};
use super::{Database, Query, Scope, connect};

mod files {
    refinery::embed_migrations!("migrations");
}

/// Held by whoever migrates: "Soma".
const LOCK: i64 = 0x536f_6d61;

/// The longest that a migration is waited for: another process may be at it.
const LONGEST: Duration = Duration::from_mins(10);

/// Brings a database to the schema of this build, and returns how many steps that took. `settings` name
/// the role that owns it. Of several processes that do so at once one migrates, and the others wait.
///
/// # Errors
///
/// [`OpenError::Schema`] if the database is newer, and [`OpenError::Migration`] if a step failed: it and
/// those after it are not done.
pub async fn migrate(settings: &Settings) -> Result<usize, OpenError> {
    let pool = connect::owner(settings)?;
    let mut connection = pool.get().await.map_err(|error| {
        OpenError::Unreachable(Box::new(PortError::from(super::SqlError::from(error))))
    })?;
    let failed = |error: tokio_postgres::Error| OpenError::Migration(Box::new(error));
    let lock = connection
        .prepare_typed("SELECT pg_advisory_lock($1)", &[Type::INT8])
        .await
        .map_err(failed)?;
    tokio::time::timeout(LONGEST, connection.query(&lock, &[&LOCK]))
        .await
        .map_err(|error| OpenError::Migration(Box::new(error)))?
        .map_err(failed)?;
    let client: &mut tokio_postgres::Client = &mut connection;
    let migrated = files::migrations::runner().set_abort_missing(true).run_async(client).await;
    // The lock goes with the connection, whatever became of it.
    pool.close();
    let report: Report = migrated.map_err(|error| OpenError::Migration(Box::new(error)))?;
    Ok(report.applied_migrations().len())
}

/// The newest version that this build knows.
fn known() -> i32 {
    files::migrations::runner().get_migrations().iter().map(Migration::version).max().unwrap_or(0)
}

/// Whether the database answers, is at this schema or a later one, and keeps the role of its connections
/// to their tenants. A later build only adds to the schema.
pub(super) async fn check(database: &Database) -> Result<(), OpenError> {
    let unreachable =
        |error: super::SqlError| OpenError::Unreachable(Box::new(PortError::from(error)));
    let sql = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
    let rows = database.rows(Scope::platform(), Query::new(sql, vec![])).await;
    let rows = rows.map_err(unreachable)?;
    let known = known();
    if !rows.iter().any(|row| row.get(0)) {
        return Err(OpenError::Schema { found: 0, known });
    }
    let sql = "SELECT coalesce(max(version), 0)::int4, row_security_active('sessions')
                 FROM refinery_schema_history";
    let rows = database.rows(Scope::platform(), Query::new(sql, vec![])).await;
    for row in rows.map_err(unreachable)? {
        let found = row.get(0);
        if found < known {
            return Err(OpenError::Schema { found, known });
        }
        if !row.get::<_, bool>(1) {
            return Err(OpenError::Unprotected);
        }
    }
    Ok(())
}
