//! Session metadata that may vanish.

use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;
use crate::ids::SessionId;
use crate::time::Timestamp;
use crate::work::session::Session;

/// Remembers session metadata for a while.
///
/// # Contract
///
/// - What was put is answered until it is dropped, replaced or older than its `ttl`, and never
///   after.
/// - Anything may be missing at any time.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The session as it was put, if it is still there.
    async fn get(&self, session: SessionId, now: Timestamp) -> PortResult<Option<Session>>;

    /// Puts a session for `ttl`.
    async fn put(&self, session: &Session, now: Timestamp, ttl: Duration) -> PortResult<()>;

    /// Drops a session.
    async fn drop_session(&self, session: SessionId) -> PortResult<()>;
}
