//! Who reads which partition, and from where: the lease is the position.

use std::time::Duration;

use async_trait::async_trait;

use super::PortResult;
use crate::ids::OwnerId;
use crate::work::lease::{Member, PartitionLease, Resource};

/// Shares partitions and lanes out among the instances of a service.
///
/// # Contract
///
/// - Each call is one step: nobody sees a part of it.
/// - A resource has at most one holder at a time: while a lease has not ended, another owner's
///   [`acquire`](Self::acquire) goes without it.
/// - Every acquisition moves the epoch up, also by the same owner: a restarted task fences its own
///   older self.
/// - A lease that has ended, or was released, can be acquired by anyone, with the position where it
///   was left and the digest that the last batch left.
/// - [`renew`](Self::renew) of a lease by an older epoch, or after it was taken over, changes nothing
///   of it; one that has ended, and that nobody took over, goes on. Each lease is judged by itself.
/// - [`release`](Self::release) by an older epoch changes nothing; a lease that was released is not
///   renewed.
/// - [`renew`](Self::renew) counts each live member of a group once; one that has not renewed again
///   within its `ttl` no longer counts, and one that [`leave`](Self::leave)s neither.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Says that `member` is alive for `ttl`, and keeps its `leases` for as long. The first renewal
    /// makes it a member.
    async fn renew(
        &self,
        member: &Member,
        leases: &[PartitionLease],
        ttl: Duration,
    ) -> PortResult<Renewed>;

    /// Takes for `ttl` those of the `resources` that are free or the owner's own, in their order and at
    /// most `most`.
    async fn acquire(
        &self,
        resources: &[Resource],
        most: usize,
        owner: OwnerId,
        ttl: Duration,
    ) -> PortResult<Vec<PartitionLease>>;

    /// Gives leases up.
    async fn release(&self, leases: &[PartitionLease]) -> PortResult<()>;

    /// Says that `member` is gone, and gives its `leases` up.
    async fn leave(&self, member: &Member, leases: &[PartitionLease]) -> PortResult<()>;
}

/// What a member finds when it renews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Of each lease, in their order, whether it still was its owner's.
    pub held: Vec<bool>,
    /// How many members are alive, itself among them; at least 1.
    pub members: usize,
}
