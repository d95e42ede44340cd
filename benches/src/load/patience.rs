//! Waiting, but not without end.

use std::time::Duration;

use tokio::time::timeout;

use super::error::LoadError;

/// What `future` gives, if it does within `span`; `what` is waited for.
pub(crate) async fn within<T>(
    span: Duration,
    what: &'static str,
    future: impl Future<Output = T>,
) -> Result<T, LoadError> {
    timeout(span, future).await.map_err(|_| LoadError::TooLong(what))
}
