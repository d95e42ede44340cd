//! One of the six services as a process of its own, on PostgreSQL, Apache Kafka, Redis, OPA and
//! SomaBrain. Processes share nothing but these: what one writes reaches the others through them.
//!
//! A process that starts before its engines waits for them, and says for which: in its log and at
//! `/readyz`. What is wrong with its settings ends it at once, with every problem listed.

mod engines;
#[cfg(feature = "fail-points")]
mod fail_point;
mod health;
mod probes;
mod process;
mod waiting;

pub use process::main;
