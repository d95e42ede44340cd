//! What an error of PostgreSQL says about the world, and whether it passes.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What went wrong, as far as anyone can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Two transactions were in each other's way, and this one gave way.
    Conflict,
    /// A row with that key is there already: somebody was faster.
    Taken,
    /// The disk is full.
    Full,
    /// There is no memory.
    NoMemory,
    /// All connections are in use.
    Busy,
    /// It is a replica, or set to be read only.
    ReadOnly,
    /// The server stops, starts, or ended this connection.
    Stopping,
    /// It took longer than it may.
    TimedOut,
    /// The connection broke, or could not be made.
    Lost,
    /// The system failed to read or write.
    Io,
    /// What is stored is damaged.
    Corrupt,
    /// Whoever connects may not.
    Refused,
    /// The statement itself is wrong, or what it was given.
    Statement,
}

/// The codes that are not the fault of whoever asked, with what each means
/// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>). Whatever is not here is.
const CODES: &[(&str, Cause)] = &[
    ("08000", Cause::Lost),
    ("08001", Cause::Lost),
    ("08003", Cause::Lost),
    ("08004", Cause::Lost),
    ("08006", Cause::Lost),
    ("08007", Cause::Lost),
    ("23505", Cause::Taken),
    ("25006", Cause::ReadOnly),
    ("25P03", Cause::TimedOut),
    ("28000", Cause::Refused),
    ("28P01", Cause::Refused),
    ("3D000", Cause::Refused),
    ("40001", Cause::Conflict),
    ("40003", Cause::Lost),
    ("40P01", Cause::Conflict),
    ("42501", Cause::Refused),
    ("53000", Cause::Busy),
    ("53100", Cause::Full),
    ("53200", Cause::NoMemory),
    ("53300", Cause::Busy),
    ("53400", Cause::Busy),
    ("55006", Cause::Conflict),
    ("55P03", Cause::Conflict),
    ("57014", Cause::TimedOut),
    ("57P01", Cause::Stopping),
    ("57P02", Cause::Stopping),
    ("57P03", Cause::Stopping),
    ("57P05", Cause::Stopping),
    ("58000", Cause::Io),
    ("58030", Cause::Io),
    ("XX001", Cause::Corrupt),
    ("XX002", Cause::Corrupt),
];

impl Cause {
    pub(super) fn of(error: &Error) -> Self {
        match error.code() {
            Some(code) => Self::of_code(code),
            None if is_io(error) => Self::Lost,
            None => Self::Statement,
        }
    }

    fn of_code(state: &SqlState) -> Self {
        let known = CODES.iter().find(|(code, _)| *code == state.code());
        known.map_or(Self::Statement, |(_, cause)| *cause)
    }

    /// What it is if it happened while a connection was made: then also what the network or TLS says
    /// is about the connection.
    pub(super) const fn while_connecting(self) -> Self {
        if matches!(self, Self::Statement) { Self::Lost } else { self }
    }

    /// Whether the world is to blame, and may be better later. What does not pass is the fault of the
    /// request, or beyond repair while this process runs.
    pub(crate) const fn passes(self) -> bool {
        match self {
            Self::Conflict
            | Self::Taken
            | Self::Full
            | Self::NoMemory
            | Self::Busy
            | Self::ReadOnly
            | Self::Stopping
            | Self::TimedOut
            | Self::Lost
            | Self::Io => true,
            Self::Corrupt | Self::Refused | Self::Statement => false,
        }
    }

    /// Whether a `COMMIT` that failed so did not happen, for sure.
    pub(super) const fn rolls_back(self) -> bool {
        matches!(self, Self::Conflict | Self::Taken | Self::Full | Self::ReadOnly)
    }

    /// What is wrong, for people.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Conflict => "another transaction was in the way",
            Self::Taken => "a row with that key is there already",
            Self::Full => "the disk of the database is full",
            Self::NoMemory => "the database has no memory left",
            Self::Busy => "all connections to the database are in use",
            Self::ReadOnly => "the database is read-only",
            Self::Stopping => "the database stops or starts",
            Self::TimedOut => "a statement took too long",
            Self::Lost => "the connection to the database is lost",
            Self::Io => "the database cannot read or write its files",
            Self::Corrupt => "the database is damaged",
            Self::Refused => "the database refuses this role",
            Self::Statement => "a statement failed",
        }
    }
}

/// Whether the network is to blame, or the other side hung up.
fn is_io(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    error.is_closed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_each_is_there_once() {
        assert!(CODES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn what_is_the_fault_of_a_request_does_not_pass() {
        for state in [
            SqlState::SYNTAX_ERROR,
            SqlState::UNDEFINED_TABLE,
            SqlState::CHECK_VIOLATION,
            SqlState::NOT_NULL_VIOLATION,
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            SqlState::INVALID_TEXT_REPRESENTATION,
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::IN_FAILED_SQL_TRANSACTION,
            SqlState::INTERNAL_ERROR,
            SqlState::DATA_CORRUPTED,
        ] {
            assert!(!Cause::of_code(&state).passes(), "{state:?}");
        }
    }

    #[test]
    fn what_the_world_does_passes() {
        for state in [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
            SqlState::DISK_FULL,
            SqlState::OUT_OF_MEMORY,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::QUERY_CANCELED,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::CONNECTION_FAILURE,
            SqlState::IO_ERROR,
        ] {
            assert!(Cause::of_code(&state).passes(), "{state:?}");
        }
    }

    #[test]
    fn commit_that_was_cut_off_may_have_happened() {
        for state in [SqlState::ADMIN_SHUTDOWN, SqlState::CONNECTION_FAILURE, SqlState::IO_ERROR] {
            assert!(!Cause::of_code(&state).rolls_back(), "{state:?}");
        }
    }
}
