//! Messages that commits left to be published.

pub(crate) mod dead;
pub(crate) mod enqueue;
