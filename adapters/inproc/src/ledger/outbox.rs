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

/// The rows, by lane and id, and every key that ever was among them.
#[derive(Debug, Default)]
pub(super) struct OutboxTable {
    /// No lane of these is empty.
    lanes: BTreeMap<Lane, BTreeMap<u64, OutboxRow>>,
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
        self.lanes.entry(lane).or_default().insert(row.id, row);
    }

    /// Takes a row out of a lane.
    fn remove(&mut self, lane: Lane, id: u64) -> Option<OutboxRow> {
        let rows = self.lanes.get_mut(&lane)?;
        let removed = rows.remove(&id);
        if rows.is_empty() {
            self.lanes.remove(&lane);
        }
        removed
    }

    /// Keeps a dead letter and publishes it.
    pub(super) fn set_aside(&mut self, letter: DeadLetter) {
        self.enqueue(letter.message(&platform()), letter.at);
        self.dead.entry(letter.id()).or_insert(letter);
    }

    pub(super) fn erase(&mut self, tenant: &TenantId, session: SessionId) {
        let key = session.to_string();
        self.lanes.retain(|_, rows| {
            rows.retain(|_, row| !(row.message.tenant == *tenant && row.message.key == key));
            !rows.is_empty()
        });
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
    async fn lanes(&self) -> PortResult<BTreeSet<Lane>> {
        Ok(self.state().outbox.lanes.keys().copied().collect())
    }

    async fn read(&self, lane: Lane, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let state = self.state();
        let rows = state.outbox.lanes.get(&lane).into_iter().flat_map(BTreeMap::values);
        Ok(rows.take(limit).cloned().collect())
    }

    async fn settle(&self, lease: &PartitionLease, ids: &[u64]) -> PortResult<bool> {
        let mut state = self.state();
        let held = state.leases.is_held(lease);
        if held && let Resource::Lane(lane) = lease.resource {
            for id in ids {
                state.outbox.remove(lane, *id);
            }
        }
        Ok(held)
    }

    async fn dead_letter(
        &self,
        lease: &PartitionLease,
        id: u64,
        letter: DeadLetter,
    ) -> PortResult<bool> {
        let mut state = self.state();
        let held = state.leases.is_held(lease);
        if held
            && let Resource::Lane(lane) = lease.resource
            && state.outbox.remove(lane, id).is_some()
        {
            state.outbox.set_aside(letter);
        }
        Ok(held)
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        let state = self.state();
        let rows = state.outbox.lanes.values().flat_map(BTreeMap::values);
        let (count, oldest) = (rows.clone().count(), rows.map(|row| row.created_at).min());
        Ok(OutboxDepth { rows: count as u64, oldest })
    }
}
