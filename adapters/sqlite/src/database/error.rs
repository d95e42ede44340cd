//! What an error of SQLite means to whoever called.

use std::sync::Arc;

use soma_core::ids::ParseIdError;
use soma_core::names::UnknownName;
use soma_core::ports::PortError;
use soma_core::ports::error::Source;
use soma_core::redact::json_error;

use super::cause::Cause;

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

impl SqlError {
    /// What went wrong.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Statement(error) => Cause::of(error),
            Self::Row(_) | Self::Panicked => Cause::Statement,
        }
    }
}

impl From<serde_json::Error> for SqlError {
    /// Where it is wrong and how, but not what it says: that may be what a person said.
    fn from(error: serde_json::Error) -> Self {
        Self::Row(json_error(&error).into())
    }
}

impl From<ParseIdError> for SqlError {
    fn from(error: ParseIdError) -> Self {
        Self::Row(Box::new(error))
    }
}

impl From<UnknownName> for SqlError {
    fn from(error: UnknownName) -> Self {
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

/// Why a transaction with several jobs is not known to be committed: one error for all of them.
#[derive(Clone, Debug)]
pub(super) struct Undone {
    error: Arc<rusqlite::Error>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    RolledBack,
    /// Rolled back by the failure of one of its jobs: the others are not to blame.
    Lost,
    Unknown,
}

impl Undone {
    /// The transaction was rolled back, or never began.
    pub(super) fn rolled_back(error: rusqlite::Error) -> Self {
        Self { error: Arc::new(error), outcome: Outcome::RolledBack }
    }

    /// A job failed so that SQLite rolled the whole transaction back: a full disk does that.
    pub(super) fn lost(error: rusqlite::Error) -> Self {
        Self { error: Arc::new(error), outcome: Outcome::Lost }
    }

    /// `COMMIT` failed. Where the disk is full or a lock was not given, its last frame was never
    /// written; after any other failure it may be found by the next recovery.
    pub(super) fn commit(error: rusqlite::Error) -> Self {
        let outcome = match Cause::of(&error) {
            Cause::Busy | Cause::Full | Cause::ReadOnly => Outcome::RolledBack,
            Cause::NoMemory
            | Cause::Interrupted
            | Cause::CannotOpen
            | Cause::Io
            | Cause::Moved
            | Cause::Corrupt
            | Cause::NotADatabase
            | Cause::Statement => Outcome::Unknown,
        };
        Self { error: Arc::new(error), outcome }
    }

    /// What went wrong.
    pub(super) fn cause(&self) -> Cause {
        Cause::of(&self.error)
    }

    pub(super) fn port_error(&self) -> PortError {
        let source: Source = Box::new(Arc::clone(&self.error));
        match self.outcome {
            Outcome::RolledBack => self.cause().port_error(source),
            Outcome::Lost => PortError::Unavailable(source),
            Outcome::Unknown => PortError::Ambiguous(source),
        }
    }
}
