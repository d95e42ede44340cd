//! Why a port could not do what it was asked.

use std::error::Error;
use std::fmt;

use crate::redact::causes;

/// What went wrong inside an adapter.
pub type Source = Box<dyn Error + Send + Sync>;

/// The answer of a port.
pub type PortResult<T> = Result<T, PortError>;

/// Why a port could not do what it was asked. The split is about what the caller may conclude, not
/// about what broke.
///
/// Its text has all the causes, without credentials, so it has no [`source`](Error::source): nobody
/// who logs it needs to walk them, and nobody tells them twice. It is for logs and dead letters, not
/// for clients.
#[derive(Debug)]
pub enum PortError {
    /// It did not happen, and what was asked is not to blame: something is away, busy or full for
    /// now. Trying again is safe, and may help once that has passed.
    Unavailable(Source),
    /// It may or may not have happened. Only what is idempotent may be tried again.
    Ambiguous(Source),
    /// Trying again will not help: a bad query, a file that is damaged, data that makes no sense.
    Broken {
        /// What was being done.
        what: &'static str,
        /// What went wrong.
        source: Source,
    },
}

impl PortError {
    /// Whether trying again may help, for a caller whose request is idempotent.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Ambiguous(_))
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(source) => write!(f, "unavailable: {}", causes(&**source)),
            Self::Ambiguous(source) => write!(f, "outcome unknown: {}", causes(&**source)),
            Self::Broken { what, source } => write!(f, "broken: {what}: {}", causes(&**source)),
        }
    }
}

impl Error for PortError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the statement failed")]
    struct Statement(#[source] std::io::Error);

    #[test]
    fn text_has_every_cause() {
        let cause = || Box::new(Statement(std::io::Error::other("disk I/O error")));

        let unavailable = PortError::Unavailable(cause()).to_string();
        let broken = PortError::Broken { what: "reading", source: cause() }.to_string();

        assert_eq!(unavailable, "unavailable: the statement failed: disk I/O error");
        assert_eq!(broken, "broken: reading: the statement failed: disk I/O error");
    }

    #[test]
    fn text_has_no_credentials() {
        let error = PortError::Ambiguous("no answer of redis://me:pw@cache:6379/0?key=1".into());

        assert_eq!(error.to_string(), "outcome unknown: no answer of redis://cache:6379/0");
    }
}
