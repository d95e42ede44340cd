//! What an error of SQLite says about the world, and whether it passes.

use rusqlite::{Error, ffi};
use soma_core::ports::PortError;
use soma_core::ports::error::Source;

/// The bits of an extended code that are the code itself.
const PRIMARY: i32 = 0xff;

/// What went wrong, as far as anyone can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another connection or process has what is needed.
    Busy,
    /// The disk, or what this process may use of it, is full.
    Full,
    /// There is no memory.
    NoMemory,
    /// The statement was stopped, or its transaction ended under it.
    Interrupted,
    /// The file cannot be written to now: its disk is mounted for reading, or its rights changed.
    ReadOnly,
    /// A file cannot be opened: most often there are too many open files.
    CannotOpen,
    /// The system failed to read or write.
    Io,
    /// The file was moved or deleted: what is written now is lost.
    Moved,
    /// The file is damaged.
    Corrupt,
    /// The file is something else.
    NotADatabase,
    /// The statement itself is wrong, or what it was given.
    Statement,
}

impl Cause {
    pub(super) fn of(error: &Error) -> Self {
        error.sqlite_error().map_or(Self::Statement, |error| Self::of_code(*error))
    }

    /// What <https://sqlite.org/rescode.html> says of the code.
    const fn of_code(error: ffi::Error) -> Self {
        match error.extended_code {
            // The shared-memory file is extended for no other reason than a full disk.
            ffi::SQLITE_IOERR_SHMSIZE => return Self::Full,
            ffi::SQLITE_IOERR_NOMEM => return Self::NoMemory,
            ffi::SQLITE_IOERR_BLOCKED | ffi::SQLITE_IOERR_LOCK => return Self::Busy,
            ffi::SQLITE_READONLY_DBMOVED => return Self::Moved,
            ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_CORRUPTFS => {
                return Self::Corrupt;
            }
            _ => {}
        }
        match error.extended_code & PRIMARY {
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => Self::Busy,
            ffi::SQLITE_FULL => Self::Full,
            ffi::SQLITE_NOMEM => Self::NoMemory,
            ffi::SQLITE_INTERRUPT | ffi::SQLITE_ABORT | ffi::SQLITE_SCHEMA => Self::Interrupted,
            ffi::SQLITE_READONLY | ffi::SQLITE_PERM => Self::ReadOnly,
            ffi::SQLITE_CANTOPEN => Self::CannotOpen,
            ffi::SQLITE_IOERR => Self::Io,
            ffi::SQLITE_CORRUPT => Self::Corrupt,
            ffi::SQLITE_NOTADB => Self::NotADatabase,
            _ => Self::Statement,
        }
    }

    /// Whether the world is to blame, and may be better later. What does not pass is the fault of the
    /// request, or beyond repair while this process runs.
    pub(super) const fn passes(self) -> bool {
        match self {
            Self::Busy
            | Self::Full
            | Self::NoMemory
            | Self::Interrupted
            | Self::ReadOnly
            | Self::CannotOpen
            | Self::Io => true,
            Self::Moved | Self::Corrupt | Self::NotADatabase | Self::Statement => false,
        }
    }

    /// Whether it keeps the whole database from being written to, and not one request.
    pub(super) const fn stops_writes(self) -> bool {
        !matches!(self, Self::Busy | Self::Interrupted | Self::Statement)
    }

    /// What is wrong, for people.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Busy => "the database is busy",
            Self::Full => "the disk is full",
            Self::NoMemory => "there is no memory left",
            Self::Interrupted => "the statement was interrupted",
            Self::ReadOnly => "the database file is read-only",
            Self::CannotOpen => "a file of the database cannot be opened",
            Self::Io => "the database file cannot be read or written",
            Self::Moved => "the database file was moved or deleted",
            Self::Corrupt => "the database file is corrupt",
            Self::NotADatabase => "the file is not a database",
            Self::Statement => "a statement failed",
        }
    }

    /// The error of a statement inside a transaction that was not committed.
    pub(super) fn port_error(self, source: Source) -> PortError {
        if self.passes() {
            return PortError::Unavailable(source);
        }
        PortError::Broken { what: self.text(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code of SQLite, by name, with what it means and why.
    const CODES: &[(i32, Cause, &str)] = &[
        (ffi::SQLITE_BUSY, Cause::Busy, "another process writes"),
        (ffi::SQLITE_BUSY_RECOVERY, Cause::Busy, "another process recovers the log after a crash"),
        (
            ffi::SQLITE_BUSY_SNAPSHOT,
            Cause::Busy,
            "the snapshot is too old to write from: begin anew",
        ),
        (ffi::SQLITE_BUSY_TIMEOUT, Cause::Busy, "a blocking lock was not given in time"),
        (ffi::SQLITE_LOCKED, Cause::Busy, "another statement of this process is at it"),
        (ffi::SQLITE_LOCKED_SHAREDCACHE, Cause::Busy, "the same, over a shared cache"),
        (ffi::SQLITE_LOCKED_VTAB, Cause::Busy, "the same, in a virtual table"),
        (ffi::SQLITE_PROTOCOL, Cause::Busy, "two raced for the locks of the log"),
        (ffi::SQLITE_IOERR_LOCK, Cause::Busy, "the system did not give a lock: of a network, say"),
        (ffi::SQLITE_IOERR_BLOCKED, Cause::Busy, "the same"),
        (ffi::SQLITE_FULL, Cause::Full, "no room on the disk, in the quota or in temporary files"),
        (ffi::SQLITE_IOERR_SHMSIZE, Cause::Full, "the shared-memory file cannot grow"),
        (ffi::SQLITE_NOMEM, Cause::NoMemory, "the system gives no memory now"),
        (ffi::SQLITE_IOERR_NOMEM, Cause::NoMemory, "the same, in the layer of files"),
        (ffi::SQLITE_INTERRUPT, Cause::Interrupted, "someone stopped the statement"),
        (ffi::SQLITE_ABORT, Cause::Interrupted, "a callback stopped the statement"),
        (ffi::SQLITE_ABORT_ROLLBACK, Cause::Interrupted, "the transaction ended under it"),
        (ffi::SQLITE_SCHEMA, Cause::Interrupted, "the schema changed under it"),
        (ffi::SQLITE_READONLY, Cause::ReadOnly, "a disk that failed is mounted for reading"),
        (ffi::SQLITE_READONLY_RECOVERY, Cause::ReadOnly, "the log must be recovered by a writer"),
        (ffi::SQLITE_READONLY_CANTLOCK, Cause::ReadOnly, "the shared memory is read-only"),
        (ffi::SQLITE_READONLY_CANTINIT, Cause::ReadOnly, "the same"),
        (
            ffi::SQLITE_READONLY_ROLLBACK,
            Cause::ReadOnly,
            "a journal must be rolled back by a writer",
        ),
        (ffi::SQLITE_READONLY_DIRECTORY, Cause::ReadOnly, "the folder's rights changed"),
        (ffi::SQLITE_PERM, Cause::ReadOnly, "the file's rights changed"),
        (ffi::SQLITE_CANTOPEN, Cause::CannotOpen, "too many open files"),
        (ffi::SQLITE_CANTOPEN_DIRTYWAL, Cause::CannotOpen, "the log is not recovered yet"),
        (ffi::SQLITE_CANTOPEN_NOTEMPDIR, Cause::CannotOpen, "the temporary folder is away"),
        (ffi::SQLITE_CANTOPEN_FULLPATH, Cause::CannotOpen, "the folder is away"),
        (
            ffi::SQLITE_CANTOPEN_ISDIR,
            Cause::CannotOpen,
            "a folder is in the way: someone may move it",
        ),
        (ffi::SQLITE_IOERR, Cause::Io, "a cable, a controller, a server of files"),
        (ffi::SQLITE_IOERR_READ, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_WRITE, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_FSYNC, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_DIR_FSYNC, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_TRUNCATE, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_FSTAT, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_UNLOCK, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_DELETE, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_ACCESS, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_CLOSE, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_SHMOPEN, Cause::Io, "the shared-memory file cannot be opened"),
        (ffi::SQLITE_IOERR_SHMLOCK, Cause::Io, "the shared-memory file cannot be locked"),
        (ffi::SQLITE_IOERR_SHMMAP, Cause::Io, "the shared-memory file cannot be mapped"),
        (ffi::SQLITE_IOERR_SEEK, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_MMAP, Cause::Io, "the same"),
        (ffi::SQLITE_IOERR_GETTEMPPATH, Cause::Io, "the temporary folder is away"),
        (ffi::SQLITE_IOERR_AUTH, Cause::Io, "the server of files does not know us now"),
        (ffi::SQLITE_IOERR_SHORT_READ, Cause::Corrupt, "the file is shorter than it must be"),
        (ffi::SQLITE_IOERR_DATA, Cause::Corrupt, "the checksum of a page is wrong"),
        (ffi::SQLITE_IOERR_CORRUPTFS, Cause::Corrupt, "the file system is damaged"),
        (ffi::SQLITE_CORRUPT, Cause::Corrupt, "the file is damaged"),
        (ffi::SQLITE_CORRUPT_INDEX, Cause::Corrupt, "the same, of an index"),
        (ffi::SQLITE_CORRUPT_VTAB, Cause::Corrupt, "the same, of a virtual table"),
        (ffi::SQLITE_NOTADB, Cause::NotADatabase, "the file is something else"),
        (ffi::SQLITE_READONLY_DBMOVED, Cause::Moved, "nobody will see what is written to it"),
        (ffi::SQLITE_ERROR, Cause::Statement, "the SQL is wrong"),
        (ffi::SQLITE_INTERNAL, Cause::Statement, "a bug of SQLite"),
        (ffi::SQLITE_MISUSE, Cause::Statement, "a bug of ours"),
        (ffi::SQLITE_RANGE, Cause::Statement, "a bug of ours"),
        (ffi::SQLITE_CONSTRAINT, Cause::Statement, "the row may not be so"),
        (ffi::SQLITE_CONSTRAINT_UNIQUE, Cause::Statement, "the row is there"),
        (ffi::SQLITE_MISMATCH, Cause::Statement, "the value is of another type"),
        (ffi::SQLITE_TOOBIG, Cause::Statement, "the value is larger than any may be"),
        (ffi::SQLITE_NOLFS, Cause::Statement, "this system has no large files"),
        (ffi::SQLITE_AUTH, Cause::Statement, "the statement is forbidden"),
    ];

    fn error(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn every_code_means_what_is_to_be_done_about_it() {
        for (code, cause, why) in CODES {
            assert_eq!(Cause::of(&error(*code)), *cause, "{code}: {why}");
        }
    }

    #[test]
    fn what_passes_is_unavailable_and_what_does_not_is_broken() {
        for (code, cause, why) in CODES {
            let port_error = cause.port_error(Box::new(error(*code)));

            let unavailable = matches!(port_error, PortError::Unavailable(_));
            assert_eq!(unavailable, port_error.is_transient(), "{code}: {why}");
            assert_eq!(unavailable, cause.passes(), "{code}: {why}");
        }
    }

    #[test]
    fn error_that_is_not_of_sqlite_is_a_bug() {
        assert_eq!(Cause::of(&Error::QueryReturnedNoRows), Cause::Statement);
        assert_eq!(Cause::of(&Error::InvalidColumnIndex(7)), Cause::Statement);
    }
}
