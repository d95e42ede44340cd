//! What an error of PostgreSQL means to whoever called.

use deadpool_postgres::PoolError;
use soma_core::ids::ParseIdError;
use soma_core::names::UnknownName;
use soma_core::ports::PortError;
use soma_core::ports::error::Source;
use soma_core::redact::json_error;
use tokio_postgres::Error;

use super::cause::Cause;

/// Why a unit of work could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// It did not happen.
    #[error("{}", .0.text())]
    Failed(Cause, #[source] Source),
    /// It did not happen: a row with that key is there already, and somebody was faster.
    #[error("a row with that key is there already")]
    Taken {
        /// The constraint that the row would have broken.
        constraint: String,
        source: Source,
    },
    /// Nobody answered whether it was committed.
    #[error("the commit was not answered")]
    Unknown(#[source] Source),
    /// What is stored is not what was written.
    #[error("the row makes no sense")]
    Row(#[source] Source),
    /// The unit ended before.
    #[error("the unit of work has ended")]
    Ended,
}

/// No answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer in time")]
struct Silent;

impl SqlError {
    /// A query failed. What was sent with its `COMMIT` may have been committed if the connection broke:
    /// its answers are lost, not its effects.
    pub(super) fn of_query(error: Error, with_commit: bool) -> Self {
        if with_commit && Cause::of(&error) == Cause::Lost {
            return Self::Unknown(told(error));
        }
        error.into()
    }

    /// `COMMIT` itself failed.
    pub(super) fn of_commit(error: Error) -> Self {
        let cause = Cause::of(&error);
        if cause.rolls_back() {
            Self::Failed(cause, told(error))
        } else {
            Self::Unknown(told(error))
        }
    }

    /// No answer came in time.
    pub(super) fn silent(with_commit: bool) -> Self {
        if with_commit {
            Self::Unknown(Box::new(Silent))
        } else {
            Self::Failed(Cause::Lost, Box::new(Silent))
        }
    }
}

/// An error as it may be logged: what the server says of it beside its message may have values of the
/// row in it.
fn told(error: Error) -> Source {
    match error.as_db_error() {
        None => Box::new(error),
        Some(said) => {
            let of = [said.table(), said.constraint()].into_iter().flatten();
            let of = of.collect::<Vec<_>>().join(", ");
            format!("{} {} ({of})", said.code().code(), said.message()).into()
        }
    }
}

impl From<Error> for SqlError {
    fn from(error: Error) -> Self {
        // A column that is not what is read from it.
        if error.as_db_error().is_none() && Cause::of(&error) == Cause::Statement {
            return Self::Row(Box::new(error));
        }
        let cause = Cause::of(&error);
        if cause == Cause::Taken {
            let constraint = error.as_db_error().and_then(|said| said.constraint());
            let constraint = constraint.unwrap_or_default().to_owned();
            return Self::Taken { constraint, source: told(error) };
        }
        Self::Failed(cause, told(error))
    }
}

impl From<PoolError> for SqlError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => {
                let cause = Cause::of(&error).while_connecting();
                Self::Failed(cause, told(error))
            }
            PoolError::Timeout(_) => Self::Failed(Cause::Busy, Box::new(error)),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Failed(Cause::Lost, Box::new(error))
            }
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
            SqlError::Failed(cause, source) if cause.passes() => Self::Unavailable(source),
            SqlError::Failed(cause, source) => Self::Broken { what: cause.text(), source },
            SqlError::Taken { source, .. } => Self::Unavailable(source),
            SqlError::Unknown(source) => Self::Ambiguous(source),
            SqlError::Row(source) => Self::Broken { what: "a row makes no sense", source },
            SqlError::Ended => {
                Self::Broken { what: "a unit of work has ended", source: error.into() }
            }
        }
    }
}
