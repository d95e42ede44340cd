//! The adapters of the embedded default.

use std::path::Path;
use std::sync::Arc;

use soma_core::flows::world::World;
use soma_core::ports::{Memory, Model};
use soma_inproc::{InprocBudget, InprocRateLimit};
use soma_model::{OfflineModel, OpenAiConfig, OpenAiModel};
use soma_policy::RegoPolicy;
use soma_runtime::config::Config;
use soma_runtime::report::{Fatal, chain};
use soma_services::Ports;
use soma_sqlite::{
    Database, OpenError, SqliteLeases, SqliteLog, SqliteMemory, SqliteMemoryQueue, SqliteOutbox,
    SqliteReplica, SqliteStore, SqliteUsageLedger, SqliteWork,
};

use crate::provider::{Provider, Watched};

/// What helps on a disk that is full.
const MAKE_ROOM: &str = "make room on the disk, or set SOMA_DATA to a folder on another";

/// The ports over one database, and what only this process does with it.
pub(super) struct Embedded {
    pub(super) ports: Ports,
    /// The database, which knows what stops it.
    pub(super) database: Arc<Database>,
    /// How the language model does.
    pub(super) provider: Arc<Provider>,
    /// The log, whose old records this process drops.
    pub(super) log: Arc<SqliteLog>,
}

impl Embedded {
    /// Opens the database and makes the rest.
    pub(super) async fn open(config: &Config, file: &Path, world: &World) -> Result<Self, Fatal> {
        let database = Database::open(file).map_err(|error| {
            let advice = if matches!(error, OpenError::DiskFull { .. }) {
                MAKE_ROOM
            } else {
                "set SOMA_DATA to another folder, or restore the file"
            };
            Fatal::new(error, advice)
        })?;
        // Whoever held leases is dead: this process has the folder to itself.
        database.expire_leases().await.map_err(|error| {
            let advice = if error.is_transient() { MAKE_ROOM } else { "" };
            Fatal::new(error, advice)
        })?;
        let memory: Arc<dyn Memory> =
            Arc::new(SqliteMemory::new(Arc::clone(&database), Arc::clone(&world.clock)));
        let (clock, timer) = (Arc::clone(&world.clock), Arc::clone(&world.timer));
        let tools = soma_tools::registry(Arc::clone(&clock), timer, Arc::clone(&memory));
        let log = Arc::new(SqliteLog::new(Arc::clone(&database), Arc::clone(&world.timer)));
        let provider = Arc::new(Provider::default());
        let usage = Arc::new(SqliteUsageLedger::new(Arc::clone(&database)));
        let ports = Ports {
            store: Arc::new(SqliteStore::new(Arc::clone(&database))),
            leases: Arc::new(SqliteLeases::new(Arc::clone(&database), Arc::clone(&clock))),
            work: Arc::new(SqliteWork::new(Arc::clone(&database), Arc::clone(&clock))),
            outbox: Arc::new(SqliteOutbox::new(Arc::clone(&database))),
            memory_queue: Arc::new(SqliteMemoryQueue::new(
                Arc::clone(&database),
                Arc::clone(&clock),
            )),
            replica: Arc::new(SqliteReplica::new(Arc::clone(&database))),
            usage: Arc::clone(&usage) as _,
            budget: Arc::new(InprocBudget::new(usage)),
            log: Arc::clone(&log) as _,
            memory,
            policy: Arc::new(policy(config)?),
            model: Arc::new(Watched {
                model: model(config, world)?,
                provider: Arc::clone(&provider),
            }),
            tools: Arc::new(tools),
            limits: Arc::new(InprocRateLimit::new(clock)),
        };
        Ok(Self { ports, database, provider, log })
    }
}

fn policy(config: &Config) -> Result<RegoPolicy, Fatal> {
    let policy = match &config.policy_bundle {
        Some(folder) => RegoPolicy::from_folder(folder),
        None => RegoPolicy::platform(),
    };
    policy.map_err(|error| Fatal::new(error, "mend the policy, or unset POLICY_BUNDLE"))
}

/// The configured model; the offline one only if none is configured.
fn model(config: &Config, world: &World) -> Result<Arc<dyn Model>, Fatal> {
    let Some(server) = &config.model else {
        return Ok(Arc::new(OfflineModel::new(Arc::clone(&world.timer))));
    };
    let secret = server.api_key.as_ref().map(|key| soma_model::Secret::new(key.expose()));
    let settings = OpenAiConfig::new(&server.base_url, secret);
    let model = OpenAiModel::new(settings)
        .map_err(|error| Fatal::new(chain(&error), "mend SLM_BASE_URL"))?;
    Ok(Arc::new(model))
}
