//! Session metadata that may vanish.

use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;
use crate::ids::SessionId;
use crate::work::session::Session;

/// Remembers session metadata for a while, by a clock of its own. It is there for gateways that are
/// many and keep what they know of sessions in Redis, so that a read of a session need not go to the
/// store; where the store is in the same process nobody asks it.
///
/// # Contract
///
/// - What was put is returned until it is dropped, replaced or older than its `ttl`, and never
///   after.
/// - Anything may be missing at any time.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The session as it was put, if it is still there.
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>>;

    /// Puts a session for `ttl`.
    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()>;

    /// Drops a session.
    async fn drop_session(&self, session: SessionId) -> PortResult<()>;
}
