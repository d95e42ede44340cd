//! The memory: what was said, found again.

use async_trait::async_trait;

use super::PortResult;
use crate::ids::{SessionId, TenantId};
use crate::memory::{MemoryHit, MemoryWrite, RecallQuery};

/// Remembers and recalls.
///
/// # Contract
///
/// - [`remember`](Self::remember) returns one result for each write, in their order. A write that
///   fails keeps no other from being made; an error of the whole call is that of each of them.
/// - It is idempotent by key: again with the same key replaces, and of two in one call the later
///   stands.
/// - [`recall`](Self::recall) returns memories of the query's tenant only, best first, each once,
///   at most `limit`, with scores from 0 to 1, and none of the events in `except`.
/// - A memory is found by a rare word of its text, whatever the case and the accents.
/// - An empty query returns the newest memories.
/// - No text is too strange to be remembered, and no query to be answered.
/// - [`forget_session`](Self::forget_session) removes every memory of a session.
#[async_trait]
pub trait Memory: Send + Sync {
    /// Remembers. Each write takes no longer than it would alone, whatever it is made with.
    async fn remember(&self, writes: &[MemoryWrite]) -> PortResult<Vec<PortResult<()>>>;

    /// Finds what fits.
    async fn recall(&self, query: &RecallQuery) -> PortResult<Vec<MemoryHit>>;

    /// Forgets what was said in a session.
    async fn forget_session(&self, tenant: &TenantId, session: SessionId) -> PortResult<()>;
}
