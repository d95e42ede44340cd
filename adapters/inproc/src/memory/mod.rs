//! Memory without a database, and the rules of recall that every local memory follows.

mod inproc;
pub mod rank;
mod stop_words;
pub mod words;

pub use inproc::InprocMemory;
