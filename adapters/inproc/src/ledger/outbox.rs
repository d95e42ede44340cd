//! Messages that wait to be published, and what was set aside.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::OutboxDepth;
use soma_core::ports::{Outbox, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::lease::{PartitionLease, Resource};
use uuid::Uuid;

use super::InprocLedger;

/// The rows, by id, and every key that ever was among them.
#[derive(Debug, Default)]
pub(super) struct OutboxTable {
    rows: BTreeMap<u64, OutboxRow>,
    known: BTreeSet<(Topic, Uuid)>,
    dead: BTreeMap<Uuid, DeadLetter>,
    last_id: u64,
}

impl OutboxTable {
    /// Adds a message, unless its key is known.
    pub(super) fn enqueue(&mut self, message: OutboxMessage, at: Timestamp) {
        if !self.known.insert((message.topic, message.dedupe_key)) {
            return;
        }
        self.last_id += 1;
        let lane = Lane::of(&message.key);
        let row = OutboxRow { id: self.last_id, lane, message, created_at: at };
        self.rows.insert(row.id, row);
    }

    /// Keeps a dead letter and publishes it.
    pub(super) fn set_aside(&mut self, letter: DeadLetter) {
        self.enqueue(letter.message(&platform()), letter.at);
        self.dead.entry(letter.id()).or_insert(letter);
    }

    pub(super) fn erase(&mut self, tenant: &TenantId, session: SessionId) {
        let key = session.to_string();
        self.rows.retain(|_, row| !(row.message.tenant == *tenant && row.message.key == key));
        let of = Some(tenant);
        self.dead.retain(|_, letter| !(letter.tenant.as_ref() == of && letter.key == key));
    }
}

/// Who a dead letter belongs to whose tenant is not known.
#[expect(clippy::expect_used, reason = "the name is a constant and valid")]
fn platform() -> TenantId {
    TenantId::new("platform").expect("a valid name")
}

#[async_trait]
impl Outbox for InprocLedger {
    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let state = self.state();
        let rows = state.outbox.rows.values().filter(|row| row.lane == lane);
        Ok(rows.take(limit).cloned().collect())
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        let mut state = self.state();
        let held = state.leases.is_held(lease);
        if held {
            state.outbox.rows.retain(|id, row| !(ids.contains(id) && covers(lease, row)));
        }
        Ok(held)
    }

    async fn bury(&self, lease: &PartitionLease, id: u64, letter: DeadLetter) -> PortResult<bool> {
        let mut state = self.state();
        let held = state.leases.is_held(lease);
        if held && state.outbox.rows.get(&id).is_some_and(|row| covers(lease, row)) {
            state.outbox.rows.remove(&id);
            state.outbox.set_aside(letter);
        }
        Ok(held)
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        let state = self.state();
        let rows = &state.outbox.rows;
        let oldest = rows.values().map(|row| row.created_at).min();
        Ok(OutboxDepth { rows: rows.len() as u64, oldest })
    }
}

/// Whether the row is in the lane that is leased.
fn covers(lease: &PartitionLease, row: &OutboxRow) -> bool {
    lease.resource == Resource::Lane(row.lane)
}
