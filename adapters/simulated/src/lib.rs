//! Processes on one thread, in virtual time, under one seed: whatever can go wrong between them goes
//! wrong, and goes wrong again the same way.

mod chance;

pub use chance::{Chance, mix};
