//! The memory in SomaBrain, against what SomaBrain does wrong.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod breaking;
mod double;
mod faults;
mod negotiating;
mod tenants;
mod world;
