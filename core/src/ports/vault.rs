//! Keys of clients and secrets of providers.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
use crate::digest::Digest32;
use crate::identity::Principal;
use crate::ids::TenantId;
use crate::time::Timestamp;

/// An API key: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The public part of the key.
    pub key_id: String,
    /// The SHA-256 of the secret part.
    pub secret_hash: Digest32,
    /// Who the key speaks for.
    pub principal: Principal,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// Keeps API keys by id, and provider secrets as sealed bytes that it cannot read. It is what an
/// [`Authenticator`](super::Authenticator) of API keys and the secrets of
/// [model profiles](crate::conversation::profile::ModelProfile::secret) stand on; a gateway that
/// issues keys and accepts credentials fills it.
///
/// # Contract
///
/// - What was put is returned until it is replaced or removed; removing what is not there is nothing.
/// - A tenant sees and removes its own keys only.
/// - If the implementation is durable, what was put survives a restart.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Puts a key.
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()>;

    /// The key with this id.
    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>>;

    /// The keys of a tenant, oldest first.
    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>>;

    /// Removes a key of a tenant. Returns whether there was one.
    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool>;

    /// Puts a provider's sealed secret.
    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()>;

    /// A provider's sealed secret.
    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>>;
}
