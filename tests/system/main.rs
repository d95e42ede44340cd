//! The whole product as a person runs it: real processes that are killed, and files that are bad.
#![expect(clippy::disallowed_methods, reason = "these tests live in real time")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bad_input;
mod bad_start;
mod cache;
mod client;
mod clocks;
mod command_line;
mod dead_letters;
mod faults;
mod full_disk;
mod generated_clients;
mod killing;
mod neighbours;
mod operating;
mod page;
mod processes;
mod proxies;
mod real_clients;
mod real_models;
mod servers;
mod services;
mod set;
mod soma;
mod stack;
mod stopping;
mod traces;
