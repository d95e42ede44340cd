//! Who reads which partition, and from where: the lease is the position.

use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;
use crate::ids::OwnerId;
use crate::work::lease::{PartitionLease, Resource};

/// Shares partitions and lanes out among the instances of a service.
///
/// # Contract
///
/// - A resource has at most one holder at a time: while a lease has not ended, another owner's
///   [`acquire`](Self::acquire) answers `None`.
/// - Every acquisition moves the epoch up, also by the same owner: a restarted task fences its own
///   older self.
/// - A lease that has ended, or was released, can be acquired by anyone, with the position where it
///   was left and the digest that the last batch left.
/// - [`renew`](Self::renew) by an older epoch, or after the lease was taken over, answers `false`
///   and changes nothing.
/// - [`release`](Self::release) by an older epoch changes nothing; a lease that was released is not
///   renewed.
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

    /// Keeps leases for another `ttl`, all in one step. Answers of each, in their order, whether it
    /// still was its owner's.
    async fn renew(&self, leases: &[PartitionLease], ttl: Duration) -> PortResult<Vec<bool>>;

    /// Gives the lease up.
    async fn release(&self, lease: &PartitionLease) -> PortResult<()>;

    /// Says that `member` of `group` is alive for `ttl`. Answers how many members are.
    async fn join(&self, group: &str, member: OwnerId, ttl: Duration) -> PortResult<usize>;

    /// Says that `member` is gone.
    async fn leave(&self, group: &str, member: OwnerId) -> PortResult<()>;
}
