//! Messages to other services: topics, partitions, lanes, and what to do when sending fails.

pub mod backoff;
pub mod dead;
pub mod lane;
pub mod message;
pub mod partition;
#[cfg(test)]
mod properties;
pub mod redrive;
pub mod topic;
pub mod wire;
