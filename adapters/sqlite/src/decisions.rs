//! Decisions of the policy engine, in sessions and outside of them.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use soma_core::digest::Digest32;
use soma_core::ids::{SessionId, TenantId};
use soma_core::policy::Decision;
use soma_core::ports::{Decisions, PortResult};
use soma_core::time::Timestamp;

use crate::columns::from_json;
use crate::database::{Database, Durability, SqlError};

/// [`Decisions`] in the database.
#[derive(Clone, Debug)]
pub struct SqliteDecisions {
    database: Arc<Database>,
}

impl SqliteDecisions {
    /// The decisions in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// What was decided for a tenant outside of any session: for tests.
    ///
    /// # Errors
    ///
    /// That of the database.
    pub async fn outside(&self, tenant: &TenantId) -> PortResult<Vec<Decision>> {
        let tenant = tenant.clone();
        self.database.read(move |connection| outside(connection, &tenant)).await
    }
}

#[async_trait]
impl Decisions for SqliteDecisions {
    async fn record(
        &self,
        tenant: &TenantId,
        decisions: &[Decision],
        at: Timestamp,
    ) -> PortResult<()> {
        let (tenant, decisions) = (tenant.clone(), decisions.to_vec());
        let job = move |connection: &Connection| {
            decisions.iter().try_for_each(|made| insert(connection, &tenant, None, made, at))
        };
        self.database.write(Durability::Full, job).await
    }
}

/// Keeps a decision.
pub(crate) fn insert(
    connection: &Connection,
    tenant: &TenantId,
    session: Option<SessionId>,
    decision: &Decision,
    at: Timestamp,
) -> Result<(), SqlError> {
    connection
        .prepare_cached(
            "INSERT INTO policy_decisions
                 (tenant, session_id, action, resource, allow, reasons, input, bundle, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            tenant.as_str(),
            session.map(|session| *session.as_uuid()),
            decision.action.as_str(),
            decision.resource,
            decision.allow,
            serde_json::to_string(&decision.reasons)?,
            decision.input.0,
            decision.bundle.map(|bundle| bundle.0),
            at.as_micros(),
        ])?;
    Ok(())
}

fn outside(connection: &Connection, tenant: &TenantId) -> Result<Vec<Decision>, SqlError> {
    connection
        .prepare_cached(
            "SELECT action, resource, allow, reasons, input, bundle FROM policy_decisions
              WHERE tenant = ?1 AND session_id IS NULL ORDER BY id",
        )?
        .query_and_then([tenant.as_str()], |row| {
            let action: String = row.get(0)?;
            Ok(Decision {
                action: action.parse().map_err(|error| SqlError::Row(Box::new(error)))?,
                resource: row.get(1)?,
                allow: row.get(2)?,
                reasons: from_json(&row.get::<_, String>(3)?)?,
                input: Digest32(row.get(4)?),
                bundle: row.get::<_, Option<[u8; 32]>>(5)?.map(Digest32),
            })
        })?
        .collect()
}
