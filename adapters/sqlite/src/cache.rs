//! Session metadata that may vanish, as a table.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use soma_core::ids::SessionId;
use soma_core::ports::{Cache, Clock, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;

use crate::columns::read_json;
use crate::database::{Database, Durability, SqlError};

/// [`Cache`] in the database. What has ended makes room when something is put.
#[derive(Clone)]
pub struct SqliteCache {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
}

impl SqliteCache {
    /// The cache of a database, whose sessions end by `clock`.
    pub fn new(database: Arc<Database>, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

soma_core::opaque_debug!(SqliteCache);

#[async_trait]
impl Cache for SqliteCache {
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>> {
        let now = self.clock.now();
        self.database.read(move |connection| get(connection, session, now)).await
    }

    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()> {
        let (session, now) = (session.clone(), self.clock.now());
        let job = move |connection: &Connection| put(connection, &session, now, now + ttl);
        self.database.write(Durability::Relaxed, job).await
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        let job = move |connection: &Connection| {
            connection
                .prepare_cached("DELETE FROM session_cache WHERE session_id = ?1")?
                .execute([session.as_uuid()])?;
            Ok(())
        };
        self.database.write(Durability::Relaxed, job).await
    }
}

fn get(
    connection: &Connection,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Session>, SqlError> {
    // What cannot be read has vanished.
    let session = connection
        .prepare_cached("SELECT payload FROM session_cache WHERE session_id = ?1 AND until > ?2")?
        .query_row(params![session.as_uuid(), now.as_micros()], |row| {
            Ok(read_json(row.get_ref(0)?).ok())
        })
        .optional()?;
    Ok(session.flatten())
}

fn put(
    connection: &Connection,
    session: &Session,
    now: Timestamp,
    until: Timestamp,
) -> Result<(), SqlError> {
    connection
        .prepare_cached("DELETE FROM session_cache WHERE until <= ?1")?
        .execute([now.as_micros()])?;
    connection
        .prepare_cached(
            "INSERT INTO session_cache (session_id, until, payload) VALUES (?1, ?2, ?3)
             ON CONFLICT (session_id) DO UPDATE SET until = excluded.until,
                 payload = excluded.payload",
        )?
        .execute(params![
            session.session_id.as_uuid(),
            until.as_micros(),
            serde_json::to_string(session)?,
        ])?;
    Ok(())
}
