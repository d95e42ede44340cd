//! The policy engine.

use async_trait::async_trait;

use super::PortResult;
use crate::policy::{Decision, PolicyRequest};

/// Decides what may be done.
///
/// # Contract
///
/// - [`decide`](Self::decide) returns one decision for each request, in their order; none for none.
/// - A denial is a value. An error means that there is no decision on any of the requests, and the
///   caller denies them all.
/// - A decision carries the action, the resource and the digest of the request it answers.
/// - A denial has a reason for people.
/// - The same request under the same policy gets the same decision, whatever it is asked with.
#[async_trait]
pub trait Policy: Send + Sync {
    /// Decides each of the requests by itself.
    async fn decide(&self, requests: &[PolicyRequest]) -> PortResult<Vec<Decision>>;
}
