//! Time, chance, tasks and notifications.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::digest::Nonce;
use crate::ids::SessionId;
use crate::outbox::topic::Topic;
use crate::time::Timestamp;

/// How far the clocks of two instances may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(1);

/// Tells the time.
///
/// # Contract
///
/// What two instances of a deployment read at the same moment differs by at most [`CLOCK_SKEW`]:
/// claims, leases and put-off work of one end by the clock of another. Where the clocks of hosts may
/// differ by more, an implementation follows one that all can ask, as the database's. Nothing is
/// done twice or lost if one does not keep to this (epochs and versions fence, not times), but work may
/// change hands too soon, or wait too long.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Waits.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Resolves after `span`, or a little later.
    async fn sleep(&self, span: Duration);
}

/// Makes identifiers and other unguessable values.
pub trait Ids: Send + Sync {
    /// A new UUID, version 7: later ones sort after earlier ones.
    fn uuid(&self) -> Uuid;

    /// Sixteen unguessable bytes.
    fn nonce(&self) -> Nonce;

    /// A number, uniformly drawn.
    fn random(&self) -> u64;
}

/// Starts tasks.
pub trait Spawner: Send + Sync {
    /// Runs `task` beside the caller, to its end.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// What a neighbour is notified about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notification {
    /// There are rows in the outbox.
    Outbox,
    /// There are turns to be worked on.
    Turns,
    /// There are tool calls to be run.
    Calls,
    /// There are memories to be written.
    Memory,
    /// The partitions of a topic may be shared out anew.
    Partitions(Topic),
    /// The lanes of the outbox may be shared out anew.
    Lanes,
    /// The lanes of the memory queue may be shared out anew.
    MemoryLanes,
    /// A turn of this session was cancelled.
    Cancel(SessionId),
}

/// Notifies neighbours, so that they need not wait for their next look.
///
/// # Contract
///
/// - A notification may be lost, or come late: whoever waits also looks from time to time. None of
///   them carries anything that is not in a store.
/// - [`notify`](Self::notify) neither waits nor fails.
/// - A [`wait`](Waiter::wait) that nobody notified may end all the same, and then its caller finds
///   nothing new.
/// - Within one process nothing is lost: a wait that began before a notification about the same
///   ends, and one that comes between two waits of one [`Waiter`] ends the next wait at once.
pub trait Wake: Send + Sync {
    /// Notifies everyone who waits for it.
    fn notify(&self, about: Notification);

    /// Someone who will wait for it, from now on.
    fn waiter(&self, about: Notification) -> Box<dyn Waiter>;
}

/// Someone who waits to be notified.
#[async_trait]
pub trait Waiter: Send {
    /// Resolves once notified since the last time.
    async fn wait(&mut self);
}
