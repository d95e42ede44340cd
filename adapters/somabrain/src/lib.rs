//! The memory of the platform in `SomaBrain`, over HTTP.
//!
//! SomaBrain comes in generations that answer at different addresses and in different shapes
//! ([`Dialect`]), keeps memories of all its callers in pools that they share, and may say that it
//! stored what it did not. So [`SomaBrainMemory`]
//!
//! - finds out which generation answers, once, and again when an address is not known any more;
//! - gives each tenant a universe and keys of its own, sends each memory with its whole record, and
//!   of what comes back takes only records of the tenant that asks;
//! - believes that something is stored when it has found it, and sends it again if not;
//! - ranks what was found by the rules of every local memory ([`soma_core::memory::rank`]), since the
//!   scores of no two generations can be compared.
//!
//! # Limits
//!
//! The server lists nothing, and deletes nothing: whatever is to be found is searched for, by words
//! that each memory is given for that, and what is forgotten is overwritten by an empty record. A server whose search finds no words, only likeness, may miss some of them.

mod breaker;
mod config;
mod dialect;
mod entry;
mod failure;
mod http;
mod json;
mod legacy;
mod marks;
mod memory;
mod negotiation;
mod record;
mod retry_after;
mod scope;
mod search;
mod store;

pub use config::{ApiKey, BadSomaBrainConfig, SomaBrainConfig};
pub use dialect::{Dialect, UnknownDialect};
pub use memory::SomaBrainMemory;
