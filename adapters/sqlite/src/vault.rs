//! Keys and sealed secrets as tables.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use soma_core::ids::TenantId;
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::{PortResult, Vault};

use crate::columns::from_json;
use crate::database::{Database, Durability, SqlError};

/// [`Vault`] in the database.
#[derive(Clone, Debug)]
pub struct SqliteVault {
    database: Arc<Database>,
}

impl SqliteVault {
    /// The vault of a database.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Vault for SqliteVault {
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()> {
        let key = key.clone();
        self.database.write(Durability::Full, move |connection| put_key(connection, &key)).await
    }

    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>> {
        let key_id = key_id.to_owned();
        self.database.read(move |connection| key(connection, &key_id)).await
    }

    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>> {
        let tenant = tenant.clone();
        self.database.read(move |connection| keys(connection, &tenant)).await
    }

    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool> {
        let (tenant, key_id) = (tenant.clone(), key_id.to_owned());
        let job = move |connection: &Connection| {
            let removed = connection
                .prepare_cached("DELETE FROM api_keys WHERE key_id = ?1 AND tenant = ?2")?
                .execute(params![key_id, tenant.as_str()])?;
            Ok(removed > 0)
        };
        self.database.write(Durability::Full, job).await
    }

    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()> {
        let (provider, sealed) = (provider.to_owned(), sealed.to_vec());
        let job = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "INSERT INTO provider_secrets (provider, sealed) VALUES (?1, ?2)
                     ON CONFLICT (provider) DO UPDATE SET sealed = excluded.sealed",
                )?
                .execute(params![provider, sealed])?;
            Ok(())
        };
        self.database.write(Durability::Full, job).await
    }

    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>> {
        let provider = provider.to_owned();
        let job = move |connection: &Connection| {
            let sealed = connection
                .prepare_cached("SELECT sealed FROM provider_secrets WHERE provider = ?1")?
                .query_row([provider], |row| row.get(0))
                .optional()?;
            Ok(sealed)
        };
        self.database.read(job).await
    }
}

fn put_key(connection: &Connection, key: &KeyRecord) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO api_keys (key_id, tenant, created_at, payload) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key_id) DO UPDATE SET tenant = excluded.tenant,
                 created_at = excluded.created_at, payload = excluded.payload",
        )?
        .execute(params![
            key.key_id,
            key.principal.tenant.as_str(),
            key.created_at.as_micros(),
            serde_json::to_string(key)?,
        ])?;
    Ok(())
}

fn key(connection: &Connection, key_id: &str) -> Result<Option<KeyRecord>, SqlError> {
    let payload: Option<String> = connection
        .prepare_cached("SELECT payload FROM api_keys WHERE key_id = ?1")?
        .query_row([key_id], |row| row.get(0))
        .optional()?;
    payload.as_deref().map(from_json).transpose()
}

fn keys(connection: &Connection, tenant: &TenantId) -> Result<Vec<KeyRecord>, SqlError> {
    let mut select = connection.prepare_cached(
        "SELECT payload FROM api_keys WHERE tenant = ?1 ORDER BY created_at, key_id",
    )?;
    let payloads = select.query_map([tenant.as_str()], |row| row.get::<_, String>(0))?;
    payloads.map(|payload| from_json(&payload?)).collect()
}
