//! The port `Decisions`: decisions of the policy engine about what is done in no session.

use std::sync::Arc;

use async_trait::async_trait;
use soma_core::digest::Digest32;
use soma_core::ids::TenantId;
use soma_core::policy::Decision;
use soma_core::ports::{Decisions, PortResult};
use soma_core::time::Timestamp;
use tokio_postgres::Row;

use crate::columns::{At, digest, json, read_json};
use crate::database::{Database, Query, Scope, SqlError};

/// [`Decisions`] in the database.
#[derive(Clone, Debug)]
pub struct PostgresDecisions {
    database: Arc<Database>,
}

impl PostgresDecisions {
    /// The decisions in `database`.
    pub const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// What was decided for a tenant outside of any session: for tests.
    ///
    /// # Errors
    ///
    /// As any read.
    pub async fn outside(&self, tenant: &TenantId) -> PortResult<Vec<Decision>> {
        let name = tenant.as_str();
        let select = Query::new(
            "SELECT action, resource, allow, reasons, input, bundle FROM policy_decisions
              WHERE tenant = $1 AND session_id IS NULL ORDER BY id",
            vec![&name],
        );
        let rows = self.database.rows(Scope::tenant(tenant), select).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    async fn insert(
        &self,
        tenant: &TenantId,
        decisions: &[Decision],
        at: Timestamp,
    ) -> Result<(), SqlError> {
        let (mut actions, mut resources, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
        let (mut reasons, mut inputs, mut bundles) = (Vec::new(), Vec::new(), Vec::new());
        for decision in decisions {
            actions.push(decision.action.as_str());
            resources.push(decision.resource.as_str());
            allowed.push(decision.allow);
            reasons.push(json(&decision.reasons)?);
            inputs.push(decision.input.0.to_vec());
            bundles.push(decision.bundle.map(|bundle| bundle.0.to_vec()));
        }
        let (name, at) = (tenant.as_str(), At(at));
        let insert = Query::new(
            "INSERT INTO policy_decisions
                 (tenant, action, resource, allow, reasons, input, bundle, at)
             SELECT $1, action, resource, allow, reasons, input, bundle, $2
               FROM unnest($3::text[], $4::text[], $5::bool[], $6::bytea[], $7::bytea[],
                           $8::bytea[])
                    WITH ORDINALITY AS d (action, resource, allow, reasons, input, bundle, place)
              ORDER BY place",
            vec![&name, &at, &actions, &resources, &allowed, &reasons, &inputs, &bundles],
        );
        self.database.rows(Scope::tenant(tenant), insert).await?;
        Ok(())
    }
}

#[async_trait]
impl Decisions for PostgresDecisions {
    async fn record(
        &self,
        tenant: &TenantId,
        decisions: &[Decision],
        at: Timestamp,
    ) -> PortResult<()> {
        Ok(self.insert(tenant, decisions, at).await?)
    }
}

fn read(row: &Row) -> Result<Decision, SqlError> {
    let action: &str = row.try_get(0)?;
    let reasons = read_json(row.try_get(3)?);
    let bundle: Option<&[u8]> = row.try_get(5)?;
    let bundle = bundle.map(<[u8; 32]>::try_from).transpose();
    let bundle = bundle.map_err(|error| SqlError::Row(Box::new(error)))?.map(Digest32);
    Ok(Decision {
        action: action.parse().map_err(|error| SqlError::Row(Box::new(error)))?,
        resource: row.try_get(1)?,
        allow: row.try_get(2)?,
        reasons: reasons.map_err(|unreadable| SqlError::Row(unreadable.error.into()))?,
        input: Digest32(digest(row, 4)?),
        bundle,
    })
}
