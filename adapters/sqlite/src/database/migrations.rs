//! The schema: numbered files in `migrations/sqlite`, each run once, in order.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::open::OpenError;
use crate::memory_queue;

/// The files, in order. Only ever add to the end: a released file is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_conversations.sql"),
    include_str!("../../migrations/0002_work.sql"),
    include_str!("../../migrations/0003_outbox.sql"),
    include_str!("../../migrations/0004_ledgers.sql"),
    include_str!("../../migrations/0005_log.sql"),
    include_str!("../../migrations/0006_memory.sql"),
    include_str!("../../migrations/0007_vault.sql"),
    include_str!("../../migrations/0008_cache.sql"),
    include_str!("../../migrations/0009_overdue.sql"),
    include_str!("../../migrations/0010_last_record.sql"),
    include_str!("../../migrations/0011_memory_forgets.sql"),
    include_str!("../../migrations/0012_owners.sql"),
    include_str!("../../migrations/0013_recall.sql"),
    include_str!("../../migrations/0014_history.sql"),
    include_str!("../../migrations/0015_log.sql"),
    include_str!("../../migrations/0016_backlog.sql"),
    include_str!("../../migrations/0017_outbox_refers_to_events.sql"),
    include_str!("../../migrations/0018_usage_open.sql"),
    include_str!("../../migrations/0019_memory_lanes.sql"),
    include_str!("../../migrations/0020_trace_context.sql"),
    include_str!("../../migrations/0021_packed.sql"),
    include_str!("../../migrations/0022_policy_bundles.sql"),
    include_str!("../../migrations/0023_dead_letters.sql"),
];

/// "Soma": marks a file as ours, in its header.
const APPLICATION_ID: i32 = 0x536f_6d61;

/// The newest schema that this release knows.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Refuses what is not ours, and what is newer than we know. Changes nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let header = || -> rusqlite::Result<(u32, i32, bool)> {
        Ok((
            connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let (found, application, empty) = header().map_err(|error| OpenError::of(path, error))?;
    if application != APPLICATION_ID && !empty {
        return Err(OpenError::NotADatabase { path: path.to_owned() });
    }
    if found > known() {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: known() });
    }
    Ok(())
}

/// Runs what the file has not seen yet, in one transaction. Writes nothing if it has seen all.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let mut migrate = || -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: usize =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found == MIGRATIONS.len() {
            return Ok(());
        }
        for migration in MIGRATIONS.iter().skip(found) {
            transaction.execute_batch(migration)?;
        }
        // A lane is a hash that SQL does not have.
        memory_queue::assign_lanes(&transaction)?;
        transaction.pragma_update(None, "user_version", known())?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()
    };
    migrate().map_err(|error| OpenError::of(path, error))
}
