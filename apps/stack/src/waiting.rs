//! Waiting for the engines before the service starts.

use std::sync::Arc;
use std::time::Duration;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_kafka::{KafkaLog, KafkaSettings};
use soma_postgres::{Database, OpenError, Settings, migrate};
use soma_runtime::report::{Fatal, chain};

use crate::probes::Probes;

/// How often an engine is asked whether it is there.
const AGAIN: Duration = Duration::from_secs(1);

/// Waits for engines, and says for which.
pub(crate) struct Waiting<'a> {
    pub(crate) world: &'a World,
    pub(crate) stop: &'a Stop,
    pub(crate) probes: &'a Probes,
}

impl Waiting<'_> {
    /// Brings the schema up to date.
    pub(crate) async fn migrated(&self, owner: &Settings) -> Result<Option<()>, Fatal> {
        while !self.stop.is_set() {
            match migrate(owner).await {
                Ok(0) => return Ok(Some(())),
                Ok(steps) => {
                    tracing::info!(steps, "the database is migrated");
                    return Ok(Some(()));
                }
                Err(error @ OpenError::Unreachable(_)) => self.rest("PostgreSQL", &error).await,
                Err(error) => return Err(Fatal::new(error, "see to POSTGRES_OWNER_DSN")),
            }
        }
        Ok(None)
    }

    /// The database, once it answers and has the schema of this build; none if it is to stop.
    pub(crate) async fn database(
        &self,
        settings: &Settings,
    ) -> Result<Option<Arc<Database>>, Fatal> {
        let database =
            Database::new(settings).map_err(|error| Fatal::new(error, "correct POSTGRES_DSN"))?;
        while !self.stop.is_set() {
            match database.check().await {
                Ok(()) => return Ok(Some(database)),
                Err(error @ (OpenError::Unreachable(_) | OpenError::Schema { .. })) => {
                    self.rest("PostgreSQL", &error).await;
                }
                Err(error) => return Err(Fatal::new(error, "correct POSTGRES_DSN")),
            }
        }
        Ok(None)
    }

    /// The log, once a broker answers; none if it is to stop.
    pub(crate) async fn log(
        &self,
        settings: &KafkaSettings,
    ) -> Result<Option<Arc<KafkaLog>>, Fatal> {
        while !self.stop.is_set() {
            match KafkaLog::connect(settings.clone()).await {
                Ok(log) => return Ok(Some(log)),
                Err(error) if error.is_transient() => self.rest("Kafka", &error).await,
                Err(error) => return Err(Fatal::new(error, "see to the settings of Kafka")),
            }
        }
        Ok(None)
    }

    async fn rest(&self, engine: &'static str, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(engine, error = %chain(error), "waiting for an engine");
        self.probes.wait_for(engine, chain(error));
        self.world.pause(AGAIN, self.stop).await;
    }
}
