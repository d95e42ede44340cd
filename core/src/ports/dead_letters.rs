//! What was set aside, for operators.

use async_trait::async_trait;
use uuid::Uuid;

use super::PortResult;
use crate::outbox::dead::DeadLetter;
use crate::outbox::redrive::NotRedrivable;
use crate::outbox::topic::Topic;
use crate::time::Timestamp;

/// A dead letter that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// Grows in the order in which letters were kept.
    pub place: u64,
    /// By which it is redriven and dropped.
    pub id: Uuid,
    /// The letter.
    pub letter: DeadLetter,
}

/// Which letters are looked at, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterRange {
    /// The newest first: all, or those before a place.
    Before(Option<u64>),
    /// The oldest first, after a place.
    After(u64),
}

/// What became of a letter that was to be redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// It is on its way again, and is no dead letter any more.
    Done,
    /// There is no such letter: it was redriven or dropped before.
    Gone,
    /// It cannot be redriven, and is still there.
    Refused(NotRedrivable),
}

/// How many letters of a topic there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterDepth {
    /// The topic that they came from.
    pub topic: Topic,
    /// How many.
    pub letters: u64,
    /// When the oldest was set aside.
    pub oldest: Timestamp,
}

/// The dead letters of all tenants, by the topic that they came from.
///
/// # Contract
///
/// - [`list`](Self::list) returns letters as they were set aside, of one topic or of all, at most
///   `limit`: from the newest or from the oldest on. Going on from the last of a page, every letter is
///   seen once that was there from the first page to the last.
/// - [`letter`](Self::letter) finds a letter by its id.
/// - [`redrive`](Self::redrive) removes a letter and puts its message into the outbox, as it was sent at
///   first, for the topic that it came from: both or neither. A memory write is due again instead.
/// - Letters that are redriven together are in the outbox in the order in which they were kept.
/// - A letter that was redriven or dropped before, or never was, is [`Redriven::Gone`], also for the
///   slower of two who redrive it at the same time; nothing is put into the outbox for it.
/// - A letter that cannot be redriven is [`Redriven::Refused`]: it stays, and the others are redriven.
/// - What is set aside again after it was redriven is a new letter, after all others.
/// - [`drop_letters`](Self::drop_letters) removes letters for good, and says of each whether it was there.
/// - Letters of a session that was erased are gone.
/// - [`depth`](Self::depth) tells how many letters each topic has, and since when. A topic without
///   letters is not named.
/// - If the implementation is durable, letters survive a restart.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Letters of a topic, or of all.
    async fn list(
        &self,
        topic: Option<Topic>,
        range: LetterRange,
        limit: usize,
    ) -> PortResult<Vec<KeptLetter>>;

    /// The letter with this id.
    async fn letter(&self, id: Uuid) -> PortResult<Option<KeptLetter>>;

    /// Redrives letters at that time. Says of each, in their order, what became of it.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`](super::PortError::Ambiguous) if it may have happened: asking again is safe.
    async fn redrive(&self, ids: &[Uuid], at: Timestamp) -> PortResult<Vec<Redriven>>;

    /// Removes letters. Says of each, in their order, whether it was there.
    async fn drop_letters(&self, ids: &[Uuid]) -> PortResult<Vec<bool>>;

    /// How many letters there are, by topic.
    async fn depth(&self) -> PortResult<Vec<LetterDepth>>;
}
