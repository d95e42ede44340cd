//! Why a port could not do what it was asked.

use std::error::Error;

/// What went wrong inside an adapter.
pub type Source = Box<dyn Error + Send + Sync>;

/// The answer of a port.
pub type PortResult<T> = Result<T, PortError>;

/// Why a port could not do what it was asked. The split is about what the caller may conclude, not
/// about what broke.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// It did not happen. Trying again is safe.
    #[error("unavailable")]
    Unavailable(#[source] Source),
    /// It may or may not have happened. Only what is idempotent may be tried again.
    #[error("outcome unknown")]
    Ambiguous(#[source] Source),
    /// Trying again will not help: a bad query, a full disk, data that makes no sense.
    #[error("broken: {what}")]
    Broken {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: Source,
    },
}

impl PortError {
    /// Whether trying again may help, for a caller whose request is idempotent.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Ambiguous(_))
    }
}
