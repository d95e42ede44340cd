//! The port `Replica`: a row for every memory that was written.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::ids::TenantId;
use soma_core::memory::WalEvent;
use soma_core::ports::{PortResult, Replica};
use soma_core::work::ingest::{BatchOutcome, ReplicaBatch};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{At, json, platform, read_json};
use crate::database::{Database, Query, Scope, SqlError};
use crate::erasing;
use crate::leases::Advance;
use crate::outbox::dead::NewLetters;

/// Keeps the replica in the database. A batch is one transaction with the move of its position, so
/// that it is applied once: if its outcome is unknown, the position tells it to whoever acquires the
/// partition next.
#[derive(Clone, Debug)]
pub struct PostgresReplica {
    database: Arc<Database>,
}

impl PostgresReplica {
    /// The replica in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// The rows of a tenant, by the ids of their events: for tests.
    ///
    /// # Errors
    ///
    /// As any read.
    pub async fn rows(&self, tenant: &TenantId) -> PortResult<Vec<WalEvent>> {
        let name = tenant.as_str();
        let select = Query::new(
            "SELECT payload FROM memory_replica WHERE tenant = $1 ORDER BY event_id",
            vec![&name],
        );
        let rows = self.database.rows(Scope::tenant(tenant), select).await?;
        Ok(rows.iter().map(event).collect::<Result<_, _>>()?)
    }

    async fn apply(&self, batch: &ReplicaBatch) -> Result<BatchOutcome, SqlError> {
        let (advance, columns) = (Advance::of(batch), Columns::of(&batch.items)?);
        let apply = [erasing::hold_off(), apply(&advance, &columns), advance.position()];
        let mut unit = self.database.unit(Scope::platform()).await?;
        let [_, moved, position] = if batch.dead.is_empty() {
            unit.commit(apply).await?
        } else {
            let applied = unit.run(apply).await?;
            let letters =
                if applied[1].is_empty() { NewLetters::default() } else { letters(batch)? };
            unit.commit(letters.insert().into_iter().collect::<Vec<_>>()).await?;
            applied
        };
        advance.outcome(!moved.is_empty(), &position)
    }
}

#[async_trait]
impl Replica for PostgresReplica {
    async fn apply(&self, batch: ReplicaBatch) -> PortResult<BatchOutcome> {
        Ok(self.apply(&batch).await?)
    }
}

/// Events as columns.
#[derive(Default)]
struct Columns {
    tenants: Vec<String>,
    sessions: Vec<Uuid>,
    event_ids: Vec<Uuid>,
    personas: Vec<Option<String>>,
    roles: Vec<&'static str>,
    times: Vec<At>,
    payloads: Vec<Vec<u8>>,
}

impl Columns {
    fn of(events: &[WalEvent]) -> Result<Self, SqlError> {
        let mut columns = Self::default();
        for event in events {
            let write = &event.write;
            columns.tenants.push(write.tenant.to_string());
            columns.sessions.push(*write.session_id.as_uuid());
            columns.event_ids.push(*write.event_id.as_uuid());
            columns.personas.push(write.persona_id.as_ref().map(ToString::to_string));
            columns.roles.push(write.role.as_str());
            columns.times.push(At(event.written_at));
            columns.payloads.push(json(event)?);
        }
        Ok(columns)
    }
}

/// Moves the position, and inserts the rows if it moved. Returns a row if it did. A session that was
/// erased stays erased, also if its memories were on their way.
fn apply<'a>(advance: &'a Advance, columns: &'a Columns) -> Query<'a> {
    Query::new(
        "WITH moved AS (
             UPDATE leases SET next_offset = $5, last_record = $6
              WHERE resource = $1 AND owner = $2 AND epoch = $3 AND next_offset = $4
             RETURNING 1
         ), inserted AS (
             INSERT INTO memory_replica (tenant, session_id, event_id, persona_id, role,
                                         wal_timestamp, payload)
             SELECT tenant, session_id, event_id, persona_id, role, at, payload
               FROM unnest($7::text[], $8::uuid[], $9::uuid[], $10::text[], $11::text[],
                           $12::timestamptz[], $13::bytea[])
                    AS r (tenant, session_id, event_id, persona_id, role, at, payload)
              WHERE EXISTS (SELECT FROM moved) AND session_id <> ALL (ARRAY(
                        SELECT s.session_id FROM sessions AS s
                         WHERE s.session_id = ANY ($8) AND s.erased))
             ON CONFLICT (tenant, event_id) DO NOTHING
         )
         SELECT FROM moved",
        vec![
            &advance.resource,
            &advance.owner,
            &advance.epoch,
            &advance.from,
            &advance.to,
            &advance.last,
            &columns.tenants,
            &columns.sessions,
            &columns.event_ids,
            &columns.personas,
            &columns.roles,
            &columns.times,
            &columns.payloads,
        ],
    )
}

fn letters(batch: &ReplicaBatch) -> Result<NewLetters, SqlError> {
    let (mut letters, platform) = (NewLetters::default(), platform()?);
    batch.dead.iter().for_each(|letter| letters.keep(letter, &platform));
    Ok(letters)
}

fn event(row: &Row) -> Result<WalEvent, SqlError> {
    read_json(row.try_get(0)?).map_err(|unreadable| SqlError::Row(unreadable.error.into()))
}
