//! Who reads which partition, and from where: the lease is the position.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;
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
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition { group, topic, partition } => write!(f, "{group}/{topic}/{partition}"),
            Self::Lane(Lane(lane)) => write!(f, "outbox/{lane}"),
        }
    }
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
}

/// Shares partitions and lanes out among the instances of a service.
///
/// # Contract
///
/// - A resource has at most one holder at a time: while a lease has not ended, another owner's
///   [`acquire`](Self::acquire) answers `None`.
/// - Every acquisition moves the epoch up, also by the same owner: a restarted task fences its own
///   older self.
/// - A lease that has ended, or was released, can be acquired by anyone, with the position where it
///   was left.
/// - [`renew`](Self::renew) by an older epoch, or after the lease was taken over, answers `false`
///   and changes nothing.
/// - [`release`](Self::release) by an older epoch changes nothing.
/// - [`join`](Self::join) counts each live member of a group once; one that has not joined again
///   within its `ttl` no longer counts, and one that [`leave`](Self::leave)s neither.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the resource for `ttl`, if it is free.
    async fn acquire(
        &self,
        resource: &Resource,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Option<PartitionLease>>;

    /// Keeps the lease for another `ttl`. Answers whether it still was the owner's.
    async fn renew(&self, lease: &PartitionLease, ttl: Duration) -> PortResult<bool>;

    /// Gives the lease up.
    async fn release(&self, lease: &PartitionLease) -> PortResult<()>;

    /// Says that `member` of `group` is alive for `ttl`. Answers how many members are.
    async fn join(&self, group: &str, member: OwnerId, ttl: Duration) -> PortResult<usize>;

    /// Says that `member` is gone.
    async fn leave(&self, group: &str, member: OwnerId) -> PortResult<()>;
}
