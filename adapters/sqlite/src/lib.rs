//! The embedded durable default: every store of the platform in one SQLite file.
//!
//! [`Database`] owns the file: one thread writes, with group commit, and a few read. The ports are
//! thin values over it, each cheap to make from an `Arc<Database>`.

mod database;

pub use database::{Database, OpenError};
