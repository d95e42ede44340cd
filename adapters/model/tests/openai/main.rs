//! The model over HTTP, against a server that answers and breaks on order.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod answers;
mod calls;
mod contract;
mod failures;
mod profiles;
mod requests;
mod streams;
mod world;
