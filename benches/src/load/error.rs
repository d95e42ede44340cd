//! Why a scene was not played to its end.

use std::io;
use std::path::PathBuf;

use soma_model::sse;
use tokio::task::JoinError;

/// Why a scene was not played to its end.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The platform was not built.
    #[error("{} is not there: cargo build --release --bin soma", .0.display())]
    NoBinary(PathBuf),
    /// The platform ended before it was up, or said nothing.
    #[error("soma did not start")]
    NotStarted,
    /// The operating system refused something.
    #[error("cannot {what}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What the operating system tells of a process cannot be read.
    #[error("/proc says nothing of {0}")]
    NoReading(&'static str),
    /// A request failed.
    #[error("a request failed")]
    Request(#[from] reqwest::Error),
    /// A request was answered with something else.
    #[error("{path} was answered with {status}")]
    Status {
        /// What was asked for.
        path: String,
        /// What came.
        status: u16,
    },
    /// A stream broke off.
    #[error("a stream of events broke off")]
    StreamEnded,
    /// A stream is no stream of events.
    #[error("a stream of events cannot be read")]
    Stream(#[from] sse::TooLong),
    /// A turn was not answered.
    #[error("a turn failed: {0}")]
    TurnFailed(String),
    /// Something did not come in time.
    #[error("waited too long for {0}")]
    TooLong(&'static str),
    /// A folder with a past could not be made.
    #[error("a folder with a past could not be made")]
    Fixture(#[from] rusqlite::Error),
    /// A task of a client died.
    #[error("a client died")]
    Died(#[from] JoinError),
}

impl LoadError {
    /// The error of something that the operating system was to do.
    pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
