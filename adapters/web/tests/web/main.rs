//! The routes over real HTTP: a server on a free port of the loopback, with the ports in memory.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

mod app;
mod bells;
mod client;
mod faulty;
mod frames;

mod connections;
mod dead_letters;
mod generated;
mod hosts;
mod messages;
mod operations;
mod problems;
mod sessions;
mod stopping;
mod streams;
mod tools;
mod websocket;
