//! Requests per window.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::ids::TenantId;

/// How many requests in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// At most so many requests.
    pub requests: u32,
    /// In every window of this length, counted from the Unix epoch; at least a millisecond.
    pub per: Duration,
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// It may.
    Admitted,
    /// Not before this much time has passed.
    RetryAfter(Duration),
}

/// Counts requests per tenant and key, in windows by the clock of whoever counts.
///
/// # Contract
///
/// - Of the requests of one tenant and key in one window, exactly `requests` are admitted, however
///   many come at once.
/// - A refusal says when the window ends; then requests are admitted again.
/// - Tenants and keys do not meet.
#[async_trait]
pub trait RateLimit: Send + Sync {
    /// Counts a request.
    async fn admit(&self, tenant: &TenantId, key: &str, rate: Rate) -> PortResult<Admission>;
}
