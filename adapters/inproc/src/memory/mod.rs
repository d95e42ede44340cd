//! Memory without a database.

mod inproc;

pub use inproc::InprocMemory;
