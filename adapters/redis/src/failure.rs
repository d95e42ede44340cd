//! What an error of the client lets a caller conclude.

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use soma_core::ports::PortError;

/// Codes of refusals that pass: nothing was done, and later it may be. Those of the rest have a
/// [`ServerErrorKind`]. `BUSY`: another script runs. `OOM`: the memory that Redis may use is full.
/// `MISCONF`, `NOREPLICAS`: it may not write for now.
const PASSING: [&str; 4] = ["BUSY", "OOM", "MISCONF", "NOREPLICAS"];

/// A command failed.
pub(crate) fn of_command(error: RedisError) -> PortError {
    let kind = error.kind();
    if matches!(kind, ErrorKind::Io | ErrorKind::Parse) {
        return PortError::Ambiguous(Box::new(error));
    }
    let passes = matches!(kind, ErrorKind::Server(kind) if passes(kind))
        || error.code().is_some_and(|code| PASSING.contains(&code));
    if passes {
        return PortError::Unavailable(Box::new(error));
    }
    PortError::Broken { what: "a command of Redis", source: Box::new(error) }
}

/// Whether the server refused for now.
const fn passes(kind: ServerErrorKind) -> bool {
    matches!(
        kind,
        ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use deadpool_redis::redis::make_extension_error;

    use super::*;

    #[test]
    fn refusal_that_passes_is_unavailable_and_any_other_broken() {
        let server = |kind| of_command(RedisError::from((kind, "said so")));
        let coded = |code: &str| of_command(make_extension_error(code.into(), None));

        let loading = server(ErrorKind::Server(ServerErrorKind::BusyLoading));
        let wrong = server(ErrorKind::Server(ServerErrorKind::ResponseError));

        assert!(matches!(loading, PortError::Unavailable(_)), "{loading:?}");
        assert!(matches!(coded("OOM"), PortError::Unavailable(_)));
        assert!(matches!(wrong, PortError::Broken { .. }), "{wrong:?}");
        assert!(matches!(coded("WRONGTYPE"), PortError::Broken { .. }));
    }

    #[test]
    fn connection_that_broke_leaves_the_outcome_unknown() {
        let error = of_command(RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe)));

        assert!(matches!(error, PortError::Ambiguous(_)), "{error:?}");
    }
}
