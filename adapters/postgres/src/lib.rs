//! The stores of the platform in PostgreSQL, for many processes at once.
//!
//! [`migrate`] brings a database to the schema of this build, as the role that owns it.
//! [`Database`] is the way into it for everything else, as a role that owns nothing. The ports are
//! thin values over it, each cheap to make from an `Arc<Database>`.
//!
//! Time is the database's: `soma_now()` in its schema, and no process's clock.
//!
//! What is locked, and in which order, so that no two transactions wait for each other: first a row of
//! `leases` or `work_blame`; then the rows of sessions, by their ids; then rows of `usage_totals`, by
//! their keys; then the lock that keeps erasures apart from what is on its way; then rows of queues.
//! Whoever changes anything of a session holds the row of the session.

mod blob;
mod cache;
mod columns;
mod database;
mod dead_letters;
mod decisions;
mod erasing;
mod leases;
mod memory_queue;
mod outbox;
mod replica;
mod store;
mod usage;
mod vault;
mod work;

pub use cache::PostgresCache;
pub use database::{Database, OpenError, Settings, migrate};
pub use dead_letters::PostgresDeadLetters;
pub use decisions::PostgresDecisions;
pub use leases::PostgresLeases;
pub use memory_queue::PostgresMemoryQueue;
pub use outbox::PostgresOutbox;
pub use replica::PostgresReplica;
pub use store::PostgresStore;
pub use usage::PostgresUsageLedger;
pub use vault::PostgresVault;
pub use work::PostgresWork;
