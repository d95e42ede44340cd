//! What the flows need of the world: one file per trait, its contract in its doc comment.
//!
//! A port exists where there is a second implementation or a network. Every line of a contract has
//! a case in `crate::contract`, which any implementation can be put through.

pub mod authenticator;
pub mod budget;
pub mod cache;
pub mod dead_letters;
pub mod decisions;
pub mod error;
pub mod leases;
pub mod log;
pub mod memory;
pub mod memory_queue;
pub mod model;
pub mod outbox;
pub mod policy;
pub mod rate_limit;
pub mod replica;
pub mod stop;
pub mod store;
pub mod tool;
pub mod usage_ledger;
pub mod vault;
pub mod work;
pub mod world;

pub use authenticator::Authenticator;
pub use budget::Budget;
pub use cache::Cache;
pub use dead_letters::DeadLetters;
pub use decisions::Decisions;
pub use error::{PortError, PortResult};
pub use leases::Leases;
pub use log::Log;
pub use memory::Memory;
pub use memory_queue::MemoryQueue;
pub use model::Model;
pub use outbox::Outbox;
pub use policy::Policy;
pub use rate_limit::RateLimit;
pub use replica::Replica;
pub use store::Store;
pub use tool::{Tool, Toolbox};
pub use usage_ledger::UsageLedger;
pub use vault::Vault;
pub use work::Work;
pub use world::{CLOCK_SKEW, Clock, Ids, Notification, Spawner, Timer, Waiter, Wake};
