//! The stores, on a real PostgreSQL: each test has a database of its own.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

mod batches;
mod contract;
mod edge_contract;
mod outbox;
mod plans;
mod schema;
mod terminated;
