//! The event log: topics with partitions, read from a position.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event_listener::Event as Signal;
use futures_util::future::{Either, select};

use super::{PortResult, Timer};
use crate::outbox::message::Record;
use crate::outbox::partition::Partition;
use crate::outbox::topic::Topic;
use crate::stream::delta::{DELTA_TYPE, REASONING_TYPE};
use crate::unreadable::Unreadable;

/// A record and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positioned {
    /// Its offset in the partition.
    pub offset: u64,
    /// What it says.
    pub record: Arc<Record>,
}

/// Where a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The offset of the oldest record that is kept.
    pub earliest: u64,
    /// The offset the next record will get.
    pub next: u64,
}

/// The answer to a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Records from the position on, in order; none if there were none within the wait.
    Records(Vec<Positioned>),
    /// The position is outside the bounds: records were dropped by retention, or the log was cut.
    OutOfRange(Bounds),
    /// What comes next is no [`Record`], and never will be: it is damaged, or its producer was none of
    /// ours. Reading goes on after it.
    Unreadable {
        /// Its offset: the position, or the first that was kept above it.
        offset: u64,
        /// What is there, as far as that is known.
        found: Unreadable,
    },
}

/// Whether a record carries a piece of a running answer, or of what a model thinks. The terminal event
/// says the answer whole, and thoughts are not kept: the record need not outlive its turn.
pub fn is_passing(record: &Record) -> bool {
    record.header("type").is_some_and(|kind| [DELTA_TYPE, REASONING_TYPE].contains(&kind))
}

/// The log that connects the services.
///
/// # Contract
///
/// - Records of one [`publish`](Self::publish) are in the partition in their order, with
///   consecutive offsets, and after those of every publish that was answered before.
/// - Publishes that are asked for at the same time may be joined into one: each is answered for
///   itself, and its records stand together.
/// - A record is never changed, and keeps its offset, key, value, headers and time.
/// - A [`fetch`](Self::fetch) at the end waits for records, is woken by them, and returns none when
///   the wait is over.
/// - A fetch below the earliest or above the next offset is [`Fetched::OutOfRange`].
/// - A fetch returns at least one record if there is one, and else no more than `max_bytes` of values.
/// - A fetch ends before a record that cannot be read, and one that begins with it is
///   [`Fetched::Unreadable`]: it is neither passed over nor in the way.
/// - A publish that fails as ambiguous may have happened: publishing again may double the records.
/// - If the implementation is durable, what was published survives a restart, until retention drops it.
/// - A record that [is passing](is_passing) may be dropped before older ones, and need not survive a
///   restart. A fetch passes over offsets whose records were dropped.
#[async_trait]
pub trait Log: Send + Sync {
    /// How many partitions a topic has.
    fn partitions(&self, topic: Topic) -> u32;

    /// Appends records to a partition. Returns the offset of the first.
    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        records: Vec<Record>,
    ) -> PortResult<u64>;

    /// Records from `offset` on, waiting up to `wait` for the first.
    async fn fetch(
        &self,
        topic: Topic,
        partition: Partition,
        offset: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> PortResult<Fetched>;

    /// Where the partition begins and ends.
    async fn bounds(&self, topic: Topic, partition: Partition) -> PortResult<Bounds>;
}

/// Waits as a [fetch](Log::fetch) does: returns what `look` finds once that is something, or what there
/// is when `wait` is over. `grown` is notified whenever there may be more.
///
/// # Errors
///
/// Those of `look`.
pub async fn wait_for_records<F>(
    timer: &dyn Timer,
    wait: Duration,
    grown: &Signal,
    look: impl Fn() -> F + Send,
) -> PortResult<Fetched>
where
    F: Future<Output = PortResult<Fetched>> + Send,
{
    let mut over = timer.sleep(wait);
    loop {
        // Before the look, so that nothing that comes after it is missed.
        let grown = grown.listen();
        let found = look().await?;
        if wait.is_zero() || found != Fetched::Records(Vec::new()) {
            return Ok(found);
        }
        match select(grown, over).await {
            Either::Left(((), rest)) => over = rest,
            Either::Right(((), _)) => return Ok(found),
        }
    }
}
