//! What an error of SQLite means to whoever called.

use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};
use soma_core::ids::ParseIdError;
use soma_core::ports::PortError;
use soma_core::ports::error::Source;

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// A statement failed.
    #[error("the statement failed")]
    Statement(#[from] rusqlite::Error),
    /// What is stored is not what was written.
    #[error("the row makes no sense")]
    Row(#[source] Source),
    /// The job itself panicked.
    #[error("the job panicked")]
    Panicked,
}

impl From<serde_json::Error> for SqlError {
    fn from(error: serde_json::Error) -> Self {
        Self::Row(Box::new(error))
    }
}

impl From<ParseIdError> for SqlError {
    fn from(error: ParseIdError) -> Self {
        Self::Row(Box::new(error))
    }
}

impl From<SqlError> for PortError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Statement(error) => Cause::of(&error).port_error(Box::new(error)),
            SqlError::Row(source) => Self::Broken { what: "a row makes no sense", source },
            SqlError::Panicked => Self::Broken { what: "a job panicked", source: Box::new(error) },
        }
    }
}

/// What broke, as far as anyone can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Busy,
    Full,
    Corrupt,
    NotADatabase,
    ReadOnly,
    Io,
    Statement,
}

impl Cause {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let Some(failure) = error.sqlite_error() else { return Self::Statement };
        // The shared-memory file cannot grow: it is extended for no other reason than a full disk.
        if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
            return Self::Full;
        }
        if failure.code == ErrorCode::DatabaseBusy || failure.code == ErrorCode::DatabaseLocked {
            Self::Busy
        } else if failure.code == ErrorCode::DiskFull {
            Self::Full
        } else if failure.code == ErrorCode::DatabaseCorrupt {
            Self::Corrupt
        } else if failure.code == ErrorCode::NotADatabase {
            Self::NotADatabase
        } else if failure.code == ErrorCode::ReadOnly {
            Self::ReadOnly
        } else if failure.code == ErrorCode::SystemIoFailure {
            Self::Io
        } else {
            Self::Statement
        }
    }

    /// The error of a statement inside a transaction that was not committed.
    pub(super) fn port_error(self, source: Source) -> PortError {
        let what = match self {
            Self::Busy => return PortError::Unavailable(source),
            Self::Full => "the disk is full",
            Self::Corrupt => "the database file is corrupt",
            Self::NotADatabase => "the file is not a database",
            Self::ReadOnly => "the database file is read-only",
            Self::Io => "the database file cannot be read or written",
            Self::Statement => "a statement failed",
        };
        PortError::Broken { what, source }
    }
}

/// Why a transaction with several jobs is not known to be committed: one error for all of them.
#[derive(Clone, Debug)]
pub(super) struct Undone {
    error: Arc<rusqlite::Error>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    RolledBack,
    Unknown,
}

impl Undone {
    /// The transaction was rolled back, or never began.
    pub(super) fn rolled_back(error: rusqlite::Error) -> Self {
        Self { error: Arc::new(error), outcome: Outcome::RolledBack }
    }

    /// `COMMIT` failed. Where the disk is full or a lock was not given, its last frame was never
    /// written; after any other failure it may be found by the next recovery.
    pub(super) fn commit(error: rusqlite::Error) -> Self {
        let outcome = match Cause::of(&error) {
            Cause::Busy | Cause::Full | Cause::ReadOnly => Outcome::RolledBack,
            Cause::Corrupt | Cause::NotADatabase | Cause::Io | Cause::Statement => Outcome::Unknown,
        };
        Self { error: Arc::new(error), outcome }
    }

    pub(super) fn port_error(&self) -> PortError {
        let source: Source = Box::new(Arc::clone(&self.error));
        match self.outcome {
            Outcome::RolledBack => Cause::of(&self.error).port_error(source),
            Outcome::Unknown => PortError::Ambiguous(source),
        }
    }
}
