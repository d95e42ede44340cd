//! Soma's core: the rules of a conversation platform, the ports they need, and the flows that join
//! them. It has no runtime, no socket, no database and no clock; adapters bring those.
//!
//! - Rules, pure: [`conversation`], [`turn`], [`stream`], [`budget`], [`outbox`], [`memory`],
//!   [`policy`], [`tool`], [`identity`], [`work`], [`digest`].
//! - [`ports`]: one file per trait, with its contract.
//! - [`flows`]: one file per use case.
//! - `contract` (feature of that name): one suite per port, for whoever writes an adapter.

pub mod budget;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversation;
pub mod digest;
pub mod flows;
pub mod identity;
pub mod ids;
pub mod memory;
pub mod names;
pub mod observe;
mod opaque;
pub mod outbox;
pub mod policy;
pub mod ports;
pub mod redact;
pub mod spans;
pub mod stream;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tool;
pub mod trace;
pub mod turn;
pub mod unreadable;
pub mod work;
