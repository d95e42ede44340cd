//! Every port in memory: the model that the other adapters are tested against, and all that a
//! program needs to embed the core without a server or a file.

mod authenticator;
mod budget;
mod cache;
mod ledger;
mod lock;
mod log;
pub mod memory;
mod model;
mod policy;
mod rate_limit;
mod tool;
mod toolbox;
mod vault;
mod world;

pub use authenticator::InprocAuthenticator;
pub use budget::InprocBudget;
pub use cache::InprocCache;
pub use ledger::InprocLedger;
pub use log::{InprocLog, PARTITIONS};
pub use memory::InprocMemory;
pub use model::{Script, ScriptStep, ScriptedModel};
pub use policy::{Denial, StaticPolicy};
pub use rate_limit::InprocRateLimit;
pub use tool::ScriptedTool;
pub use toolbox::InprocToolbox;
pub use vault::InprocVault;
pub use world::{CountingIds, InprocWake, LocalSpawner, ManualClock, ManualTimer};
