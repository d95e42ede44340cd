//! The port `Vault`: keys and sealed secrets as tables.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::ports::vault::KeyRecord;
use soma_core::ports::{PortResult, Vault};
use tokio_postgres::Row;

use crate::columns::{At, json, read_json};
use crate::database::{Database, Query, Scope, SqlError};

/// [`Vault`] in the database.
#[derive(Clone, Debug)]
pub struct PostgresVault {
    database: Arc<Database>,
}

impl PostgresVault {
    /// The vault of a database.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    async fn rows(&self, scope: Scope, query: Query<'_>) -> Result<Vec<Row>, SqlError> {
        self.database.rows(scope, query).await
    }
}

#[async_trait]
impl Vault for PostgresVault {
    async fn put_key(&self, key: &KeyRecord) -> PortResult<()> {
        let payload = json(key)?;
        let (tenant, created_at) = (key.principal.tenant.as_str(), At(key.created_at));
        let put = Query::new(
            "INSERT INTO api_keys (key_id, tenant, created_at, payload) VALUES ($1, $2, $3, $4)
             ON CONFLICT (key_id) DO UPDATE SET tenant = excluded.tenant,
                 created_at = excluded.created_at, payload = excluded.payload",
            vec![&key.key_id, &tenant, &created_at, &payload],
        );
        self.rows(Scope::platform(), put).await?;
        Ok(())
    }

    async fn key(&self, key_id: &str) -> PortResult<Option<KeyRecord>> {
        let select = Query::new("SELECT payload FROM api_keys WHERE key_id = $1", vec![&key_id]);
        let rows = self.rows(Scope::platform(), select).await?;
        Ok(rows.first().map(record).transpose()?)
    }

    async fn keys(&self, tenant: &TenantId) -> PortResult<Vec<KeyRecord>> {
        let name = tenant.as_str();
        let select = Query::new(
            "SELECT payload FROM api_keys WHERE tenant = $1 ORDER BY created_at, key_id",
            vec![&name],
        );
        let rows = self.rows(Scope::tenant(tenant), select).await?;
        Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
    }

    async fn remove_key(&self, tenant: &TenantId, key_id: &str) -> PortResult<bool> {
        let name = tenant.as_str();
        let remove = Query::new(
            "DELETE FROM api_keys WHERE key_id = $1 AND tenant = $2 RETURNING 1",
            vec![&key_id, &name],
        );
        Ok(!self.rows(Scope::tenant(tenant), remove).await?.is_empty())
    }

    async fn put_secret(&self, provider: &str, sealed: &[u8]) -> PortResult<()> {
        let put = Query::new(
            "INSERT INTO provider_secrets (provider, sealed) VALUES ($1, $2)
             ON CONFLICT (provider) DO UPDATE SET sealed = excluded.sealed",
            vec![&provider, &sealed],
        );
        self.rows(Scope::platform(), put).await?;
        Ok(())
    }

    async fn secret(&self, provider: &str) -> PortResult<Option<Vec<u8>>> {
        let select =
            Query::new("SELECT sealed FROM provider_secrets WHERE provider = $1", vec![&provider]);
        let rows = self.rows(Scope::platform(), select).await?;
        let sealed = rows.first().map(|row| row.try_get(0)).transpose();
        Ok(sealed.map_err(SqlError::from)?)
    }
}

fn record(row: &Row) -> Result<KeyRecord, SqlError> {
    read_json(row.try_get(0)?).map_err(|unreadable| SqlError::Row(unreadable.error.into()))
}
