//! The embedded durable default: every store of the platform in one SQLite file.
//!
//! [`Database`] owns the file: one thread writes, with group commit, and a few read. The ports are
//! thin values over it, each cheap to make from an `Arc<Database>`.

mod cache;
mod columns;
mod database;
mod dead_letters;
mod decisions;
mod forgets;
mod leases;
mod log;
mod memory;
mod memory_queue;
mod outbox;
mod pack;
mod replica;
mod store;
mod usage;
mod usage_ledger;
mod vault;
mod work;

pub use cache::SqliteCache;
pub use database::{Database, OpenError};
pub use dead_letters::SqliteDeadLetters;
pub use decisions::SqliteDecisions;
pub use leases::SqliteLeases;
pub use log::{PARTITIONS, SqliteLog};
pub use memory::SqliteMemory;
pub use memory_queue::SqliteMemoryQueue;
pub use outbox::SqliteOutbox;
pub use replica::SqliteReplica;
pub use store::SqliteStore;
pub use usage_ledger::SqliteUsageLedger;
pub use vault::SqliteVault;
pub use work::SqliteWork;
