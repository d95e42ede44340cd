//! The adapters of the embedded default.

use std::path::Path;
use std::sync::Arc;

use soma_assembly::{Provider, model, platform_policy};
use soma_core::flows::world::World;
use soma_core::ports::Memory;
use soma_inproc::{InprocBudget, InprocRateLimit};
use soma_runtime::config::Config;
use soma_runtime::report::Fatal;
use soma_services::Ports;
use soma_sqlite::{
    Database, OpenError, SqliteDeadLetters, SqliteDecisions, SqliteLeases, SqliteLog, SqliteMemory,
    SqliteMemoryQueue, SqliteOutbox, SqliteReplica, SqliteStore, SqliteUsageLedger, SqliteWork,
};

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
        let (model, provider) = model(config, world)?;
        let usage = Arc::new(SqliteUsageLedger::new(Arc::clone(&database)));
        let ports = Ports {
            store: Arc::new(SqliteStore::new(Arc::clone(&database))),
            leases: Arc::new(SqliteLeases::new(Arc::clone(&database), Arc::clone(&clock))),
            work: Arc::new(SqliteWork::new(Arc::clone(&database), Arc::clone(&clock))),
            outbox: Arc::new(SqliteOutbox::new(Arc::clone(&database))),
            dead_letters: Arc::new(SqliteDeadLetters::new(Arc::clone(&database))),
            decisions: Arc::new(SqliteDecisions::new(Arc::clone(&database))),
            memory_queue: Arc::new(SqliteMemoryQueue::new(
                Arc::clone(&database),
                Arc::clone(&clock),
            )),
            replica: Arc::new(SqliteReplica::new(Arc::clone(&database))),
            usage: Arc::clone(&usage) as _,
            budget: Arc::new(InprocBudget::new(usage)),
            log: Arc::clone(&log) as _,
            memory,
            policy: Arc::new(platform_policy(config)?),
            model,
            tools: Arc::new(tools),
            limits: Arc::new(InprocRateLimit::new(clock)),
        };
        Ok(Self { ports, database, provider, log })
    }
}
