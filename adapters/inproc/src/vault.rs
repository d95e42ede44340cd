//! Keys and sealed secrets in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::{PortResult, Vault};

use crate::lock::locked;

/// Keeps keys and sealed secrets for as long as the process lives.
#[derive(Debug, Default)]
pub struct InprocVault {
    keys: Mutex<BTreeMap<String, KeyRecord>>,
    secrets: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl InprocVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Vault for InprocVault {
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()> {
        locked(&self.keys).insert(key.key_id.clone(), key.clone());
        Ok(())
    }

    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>> {
        Ok(locked(&self.keys).get(key_id).cloned())
    }

    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>> {
        let keys = locked(&self.keys);
        let mut own: Vec<_> =
            keys.values().filter(|key| key.principal.tenant == *tenant).cloned().collect();
        own.sort_by_key(|key| key.created_at);
        Ok(own)
    }

    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool> {
        let mut keys = locked(&self.keys);
        let own = keys.get(key_id).is_some_and(|key| key.principal.tenant == *tenant);
        Ok(own && keys.remove(key_id).is_some())
    }

    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()> {
        locked(&self.secrets).insert(provider.to_owned(), sealed.to_vec());
        Ok(())
    }

    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(locked(&self.secrets).get(provider).cloned())
    }
}
