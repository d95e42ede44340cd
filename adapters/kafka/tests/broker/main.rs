//! The log on a real Apache Kafka: what the contract cannot bring about.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "whoever runs the tests must see what was skipped")]

#[path = "../common/mod.rs"]
mod common;
mod java;
mod own;

mod failures;
mod foreign;
mod publishing;
mod security;
