//! Memory writes that commits left to be made, and sessions that are to be forgotten.

pub(crate) mod enqueue;
pub(crate) mod forgets;
