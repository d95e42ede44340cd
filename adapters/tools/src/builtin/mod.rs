//! The tools themselves: one file each.

pub(crate) mod echo;
pub(crate) mod memory_search;
pub(crate) mod timestamp;
