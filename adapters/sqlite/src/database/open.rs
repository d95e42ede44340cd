//! Opening the file, and what can be wrong with it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::cause::Cause;
use super::migrations;

/// How long a statement waits for another process that holds the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection: more than there are.
pub(super) const STATEMENTS: usize = 256;

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file is not there and cannot be made.
    #[error("the folder {folder} cannot be made")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened: it is a folder, or may not be read or made.
    #[error("the file {path} cannot be opened or made")]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file, or its folder, may not be written to.
    #[error("the database file {path} or its folder is read-only")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("the file {path} is not a database of Soma")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the database file {path} is corrupt")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How that was noticed.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a newer release.
    #[error("the database file {path} has schema {found}, this release knows up to {known}")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: u32,
        /// The newest version that is known.
        known: u32,
    },
    /// There is no room left on the disk.
    #[error("the disk of the database file {path} is full")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file.
    #[error("the database file {path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("the database file {path} cannot be prepared")]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it reports.
        #[source]
        source: rusqlite::Error,
    },
    /// The threads that work on the file cannot be started.
    #[error("the threads of the database cannot be started")]
    Threads(#[source] io::Error),
}

impl OpenError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match Cause::of(&source) {
            Cause::Busy => Self::InUse { path },
            Cause::Full => Self::DiskFull { path },
            Cause::Corrupt => Self::Corrupt { path, source },
            Cause::NotADatabase => Self::NotADatabase { path },
            Cause::ReadOnly => Self::ReadOnly { path },
            Cause::CannotOpen => Self::Unopenable { path, source },
            Cause::NoMemory | Cause::Interrupted | Cause::Io | Cause::Moved | Cause::Statement => {
                Self::Failed { path, source }
            }
        }
    }
}

/// The writer's connection: makes what is missing, and brings the schema up to date.
pub(super) fn writing(path: &Path) -> Result<Connection, OpenError> {
    make_folder(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| OpenError::of(path, error);
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // SQLite quietly opens a file for reading that it may not write to.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    migrations::check(&connection, path)?;
    prepare(&connection).map_err(failed)?;
    migrations::run(&mut connection, path)?;
    Ok(connection)
}

/// A reader's connection, after the writer's.
pub(super) fn reading(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| OpenError::of(path, error);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    settle_in(&connection).map_err(failed)?;
    Ok(connection)
}

/// The connection for checkpoints, after the writer's. It waits for nobody.
pub(super) fn copying(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| OpenError::of(path, error))
}

/// What every connection needs.
fn settle_in(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without it a statement is planned anew whenever a bound value that the planner looked at changes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    settle_in(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints have a thread of their own: this is for what it does not get round to.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    // After a burst the write-ahead log shrinks again.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -16_384)
}

/// Makes the folder for its user alone: it holds what people said.
fn make_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })
}
