//! The port `Cache`: session metadata that may vanish, as a table.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::SessionId;
use soma_core::ports::{Cache, PortResult};
use soma_core::work::session::Session;

use crate::columns::{json, micros, read_json};
use crate::database::{Database, Query, Scope, SqlError};

/// [`Cache`] in the database, by its clock. What has ended makes room when something is put.
#[derive(Clone, Debug)]
pub struct PostgresCache {
    database: Arc<Database>,
}

impl PostgresCache {
    /// The cache of a database.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    async fn find(&self, session: SessionId) -> Result<Option<Session>, SqlError> {
        let select = Query::new(
            "SELECT payload FROM session_cache WHERE session_id = $1 AND until > soma_now()",
            vec![session.as_uuid()],
        );
        let rows = self.database.rows(Scope::platform(), select).await?;
        let payload = rows.first().map(|row| row.try_get(0)).transpose()?;
        // What cannot be read has vanished.
        Ok(payload.and_then(|payload| read_json(payload).ok()))
    }
}

#[async_trait]
impl Cache for PostgresCache {
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>> {
        Ok(self.find(session).await?)
    }

    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()> {
        let (payload, ttl, tenant) = (json(session)?, micros(ttl), session.tenant.as_str());
        let make_room = Query::new(
            "DELETE FROM session_cache WHERE session_id IN (
                 SELECT session_id FROM session_cache WHERE until <= (SELECT soma_now())
                  ORDER BY until LIMIT 100 FOR UPDATE SKIP LOCKED)",
            vec![],
        );
        let put = Query::new(
            "INSERT INTO session_cache (session_id, tenant, until, payload)
             VALUES ($1, $2, soma_now() + $3::bigint * interval '1 microsecond', $4)
             ON CONFLICT (session_id) DO UPDATE SET tenant = excluded.tenant,
                 until = excluded.until, payload = excluded.payload",
            vec![session.session_id.as_uuid(), &tenant, &ttl, &payload],
        );
        self.database.unit(Scope::platform()).await?.commit([make_room, put]).await?;
        Ok(())
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        let drop =
            Query::new("DELETE FROM session_cache WHERE session_id = $1", vec![session.as_uuid()]);
        self.database.rows(Scope::platform(), drop).await?;
        Ok(())
    }
}
