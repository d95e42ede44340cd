//! Whoever makes the writes of a queue.

use std::time::Duration;

use crate::contract::ledger::{Ledger, MANY, NOW, owner};
use crate::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use crate::work::lease::PartitionLease;

/// An instance, with the lanes that it holds.
pub(super) struct Holder<'a> {
    ledger: &'a Ledger,
    pub(super) lanes: Vec<PartitionLease>,
}

impl<'a> Holder<'a> {
    /// An instance that acquires every lane that is free for it.
    pub(super) async fn new(ledger: &'a Ledger, number: u128) -> Self {
        Self { ledger, lanes: ledger.memory_lanes(owner(number)).await }
    }

    /// What is due in its lanes.
    pub(super) async fn due(&self) -> Vec<DueWrite> {
        self.at_most(MANY).await
    }

    pub(super) async fn at_most(&self, limit: usize) -> Vec<DueWrite> {
        self.ledger.memory_queue.due(&self.lanes, limit).await.unwrap()
    }

    pub(super) async fn settle(&self, settlements: &[SettledWrite]) -> Vec<bool> {
        self.ledger.memory_queue.settle(&self.lanes, settlements).await.unwrap()
    }

    /// This became of a write.
    pub(super) async fn settle_as(&self, due: &DueWrite, outcome: WriteOutcome) -> bool {
        self.settle(&[SettledWrite { due: due.clone(), outcome }]).await[0]
    }

    /// The write was made.
    pub(super) async fn made(&self, due: &DueWrite) -> bool {
        self.settle_as(due, WriteOutcome::Made(NOW)).await
    }

    /// The write failed, and is put off for so many seconds.
    pub(super) async fn put_off(&self, due: &DueWrite, seconds: u64) -> bool {
        self.settle_as(due, WriteOutcome::PutOff(Duration::from_secs(seconds))).await
    }
}
