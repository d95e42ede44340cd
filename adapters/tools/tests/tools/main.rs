//! The registry and its tools, in a world of which the tests know everything.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod builtin;
mod contract;
mod registry;
mod toolbox;
mod world;
