//! All of Soma in one process on the embedded default, and the command line.

pub mod cli;
mod client;
pub mod embedded;
mod health;
mod terminal;
mod trouble;
mod watch;

pub use embedded::Embedded;
