//! The policy engine.

use async_trait::async_trait;

use super::PortResult;
use crate::policy::{Decision, PolicyRequest};

/// Decides what may be done.
///
/// # Contract
///
/// - A denial is a value. An error means that there is no decision, and the caller denies.
/// - A decision carries the action, the resource and the digest of the request it answers.
/// - A denial has a reason for people.
/// - The same request under the same policy gets the same decision.
#[async_trait]
pub trait Policy: Send + Sync {
    /// Decides.
    async fn decide(&self, request: &PolicyRequest) -> PortResult<Decision>;
}
