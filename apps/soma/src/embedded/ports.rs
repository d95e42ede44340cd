//! The adapters of the embedded default.

use std::path::Path;
use std::sync::Arc;

use soma_core::flows::hub::Hub;
use soma_core::flows::world::World;
use soma_core::ports::{
    Budget, Leases, Memory, MemoryQueue, Model, Outbox, Policy, RateLimit, Replica, Store, Toolbox,
    Work,
};
use soma_inproc::InprocRateLimit;
use soma_model::{OfflineModel, OpenAiConfig, OpenAiModel};
use soma_policy::RegoPolicy;
use soma_runtime::config::Config;
use soma_runtime::report::{Fatal, chain};
use soma_sqlite::{
    Database, SqliteBudget, SqliteLeases, SqliteLog, SqliteMemory, SqliteMemoryQueue, SqliteOutbox,
    SqliteReplica, SqliteStore, SqliteWork,
};

/// Every port of the platform.
#[derive(Clone)]
pub(super) struct Ports {
    pub(super) store: Arc<dyn Store>,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) work: Arc<dyn Work>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) memory_queue: Arc<dyn MemoryQueue>,
    pub(super) replica: Arc<dyn Replica>,
    pub(super) budget: Arc<dyn Budget>,
    pub(super) log: Arc<SqliteLog>,
    pub(super) memory: Arc<dyn Memory>,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) model: Arc<dyn Model>,
    pub(super) toolbox: Arc<dyn Toolbox>,
    pub(super) limits: Arc<dyn RateLimit>,
    pub(super) hub: Hub,
}

impl Ports {
    /// Opens the database and makes the rest.
    pub(super) async fn open(config: &Config, file: &Path, world: &World) -> Result<Self, Fatal> {
        let database = Database::open(file).map_err(|error| {
            Fatal::new(error, "set SOMA_DATA to another folder, or restore the file")
        })?;
        // Whoever held leases is dead: this process has the folder to itself.
        database.expire_leases().await.map_err(|error| Fatal::new(error, ""))?;
        let memory: Arc<dyn Memory> =
            Arc::new(SqliteMemory::new(Arc::clone(&database), Arc::clone(&world.clock)));
        let toolbox = soma_tools::registry(soma_tools::World {
            clock: Arc::clone(&world.clock),
            timer: Arc::clone(&world.timer),
            memory: Arc::clone(&memory),
        });
        let clock = Arc::clone(&world.clock);
        Ok(Self {
            store: Arc::new(SqliteStore::new(Arc::clone(&database))),
            leases: Arc::new(SqliteLeases::new(Arc::clone(&database), Arc::clone(&clock))),
            work: Arc::new(SqliteWork::new(Arc::clone(&database))),
            outbox: Arc::new(SqliteOutbox::new(Arc::clone(&database))),
            memory_queue: Arc::new(SqliteMemoryQueue::new(Arc::clone(&database))),
            replica: Arc::new(SqliteReplica::new(Arc::clone(&database))),
            budget: Arc::new(SqliteBudget::new(Arc::clone(&database))),
            log: Arc::new(SqliteLog::new(database, Arc::clone(&world.timer))),
            memory,
            policy: Arc::new(policy(config)?),
            model: model(config, world)?,
            toolbox: Arc::new(toolbox),
            limits: Arc::new(InprocRateLimit::new()),
            hub: Hub::new(),
        })
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
