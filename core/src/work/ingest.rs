//! Records of the log that become work: position and effects in one transaction.

use crate::digest::Digest32;
use crate::ids::{SessionId, TenantId};
use crate::memory::WalEvent;
use crate::outbox::dead::DeadLetter;
use crate::outbox::wire::Subject;
use crate::time::Timestamp;
use crate::work::lease::PartitionLease;

/// A batch of records of one partition, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// The lease whose position is moved: checked before anything else.
    pub lease: PartitionLease,
    /// Where the position moves to: one past the last record of the batch. Lower than it was if
    /// what was applied is no longer in the log.
    pub next_offset: u64,
    /// The digest of the last record of the batch; none if it has none.
    pub last: Option<Digest32>,
    /// When it is applied.
    pub at: Timestamp,
    /// What the records say.
    pub items: Vec<T>,
    /// What could not be read.
    pub dead: Vec<DeadLetter>,
}

/// A record that becomes work, and what becomes of it if the store does not know its subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// Whose, by the record's own word; must be the subject's.
    pub tenant: TenantId,
    /// The conversation.
    pub session_id: SessionId,
    /// What arrived.
    pub subject: Subject,
    /// The record as a dead letter: kept if there is no such subject of this tenant and session.
    pub otherwise: DeadLetter,
}

/// What a replica applies.
pub type ReplicaBatch = Batch<WalEvent>;

/// What the work queue applies.
pub type WorkBatch = Batch<Arrival>;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOutcome {
    /// It was applied and the position moved.
    Applied,
    /// The position is there already: it had been applied before.
    AlreadyDone,
    /// The lease is someone else's, or the position is not where the batch begins.
    Fenced,
}
