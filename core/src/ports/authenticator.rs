//! Who is asking.

use async_trait::async_trait;

use super::PortResult;
use crate::identity::Principal;
use crate::identity::credentials::Credentials;

/// Knows for whom credentials speak: keys that were issued, tokens that somebody trusted has signed.
///
/// # Contract
///
/// - Credentials that are valid are answered with the principal that they were issued for, and all
///   others with none: unknown, expired, revoked, altered.
/// - An error means that it cannot be told now; nobody is let in or turned away for good by it.
/// - Answers at the same time are not mixed up.
/// - No error's text holds a secret.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The principal for whom the credentials speak, if they are valid.
    async fn principal(&self, credentials: &Credentials) -> PortResult<Option<Principal>>;
}
