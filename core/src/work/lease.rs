//! Leases of partitions and lanes: the lease is the position.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest32;
use crate::ids::OwnerId;
use crate::outbox::lane::Lane;
use crate::outbox::partition::Partition;
use crate::outbox::topic::Topic;

/// What can be leased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Resource {
    /// A partition, for one consumer group.
    Partition {
        /// The group's name.
        group: String,
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: Partition,
    },
    /// A lane of the outbox.
    Lane(Lane),
    /// A lane of the memory queue.
    MemoryLane(Lane),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition { group, topic, partition } => write!(f, "{group}/{topic}/{partition}"),
            Self::Lane(Lane(lane)) => write!(f, "outbox/{lane}"),
            Self::MemoryLane(Lane(lane)) => write!(f, "memory/{lane}"),
        }
    }
}

/// One of those who share resources out among themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The group's name.
    pub group: String,
    /// Which of the group it is.
    pub owner: OwnerId,
}

/// A lease that was acquired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionLease {
    /// What is leased.
    pub resource: Resource,
    /// Who holds it.
    pub owner: OwnerId,
    /// Grows with every acquisition: a holder with an older epoch can change nothing.
    pub epoch: u64,
    /// The next offset to be consumed; 0 for a lane.
    pub next_offset: u64,
    /// The digest of the record before that offset, as it was when it was applied; none if there
    /// was none, or it is not known.
    pub last: Option<Digest32>,
}
