//! What is to be remembered, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::lane::Lane;
use soma_core::ports::memory_queue::{DueWrite, SettledWrite, WriteOutcome};
use soma_core::work::lease::{PartitionLease, Resource};

use super::invariant::{Invariant, Wrong};

/// Where a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Queued,
    Made,
    Refused,
}

/// What the auditor needs to know of a write.
#[derive(Clone, Debug)]
pub(super) struct Write {
    key: String,
    tenant: TenantId,
    session: SessionId,
    event: EventId,
    text: String,
    fate: Fate,
}

impl Write {
    pub(super) fn of(write: &MemoryWrite) -> Self {
        Self {
            key: write.key.clone(),
            tenant: write.tenant.clone(),
            session: write.session_id,
            event: write.event_id,
            text: write.text.clone(),
            fate: Fate::Queued,
        }
    }
}

/// A row of the replica: the event, and whose it is.
pub(super) type Row = (EventId, (TenantId, SessionId));

/// The row that a record of `memory.wal` becomes.
pub(super) fn row_of(wal: &WalEvent) -> Row {
    let MemoryWrite { event_id, tenant, session_id, .. } = &wal.write;
    (*event_id, (tenant.clone(), *session_id))
}

/// Every write, and the rows of the replica.
#[derive(Debug, Default)]
pub(super) struct Memories {
    writes: BTreeMap<String, Write>,
    /// What was to be remembered at any time, and whose it is.
    texts: BTreeSet<(TenantId, String)>,
    /// The events that writes were queued for.
    events: BTreeSet<EventId>,
    /// Keys that the memory lied about.
    lied: BTreeSet<String>,
    forgotten: BTreeSet<SessionId>,
    replica: BTreeMap<EventId, (TenantId, SessionId)>,
}

impl Memories {
    /// A commit queued a write.
    pub(super) fn queued(&mut self, write: Write) -> Result<(), Wrong> {
        let known = self.writes.get(&write.key).is_some_and(|known| known.event == write.event);
        if !self.events.insert(write.event) && !known {
            let what = format!("{} is to be remembered twice, now as {}", write.event, write.key);
            return Err((Invariant::NothingDuplicated, what));
        }
        self.texts.insert((write.tenant.clone(), write.text.clone()));
        self.writes.insert(write.key.clone(), write);
        Ok(())
    }

    /// The lease, of some, under which a write was settled.
    pub(super) fn lease_of<'a>(
        lanes: &'a [PartitionLease],
        settlement: &SettledWrite,
    ) -> Result<&'a PartitionLease, Wrong> {
        let key = &settlement.due.write.key;
        let lane = Resource::MemoryLane(Lane::of(key));
        lanes
            .iter()
            .find(|lease| lease.resource == lane)
            .ok_or_else(|| (Invariant::Fencing, format!("{key} was settled without {lane}")))
    }

    /// A write was settled: its row is gone, unless it was put off.
    pub(super) fn settled(&mut self, settlement: &SettledWrite) -> Result<(), Wrong> {
        let SettledWrite { due: DueWrite { write, .. }, outcome } = settlement;
        let fate = match outcome {
            WriteOutcome::Made(_) => Fate::Made,
            WriteOutcome::Refused(_) => Fate::Refused,
            WriteOutcome::PutOff(_) => Fate::Queued,
        };
        let Some(known) = self.writes.get_mut(&write.key) else { return Ok(()) };
        known.fate = fate;
        if known.text == write.text {
            return Ok(());
        }
        let what = format!("{} was settled, and what had replaced it was not made", write.key);
        Err((Invariant::NothingLost, what))
    }

    /// The memory said that it remembers this, and does not.
    pub(super) fn lied(&mut self, key: &str) {
        self.lied.insert(key.to_owned());
    }

    /// Rows were put into the replica.
    pub(super) fn replicated(&mut self, rows: impl IntoIterator<Item = Row>) {
        for (event, (tenant, session)) in rows {
            if !self.forgotten.contains(&session) {
                self.replica.entry(event).or_insert((tenant, session));
            }
        }
    }

    /// A session was erased.
    pub(super) fn erased(&mut self, id: SessionId) {
        self.writes.retain(|_, write| write.session != id);
        self.replica.retain(|_, (_, session)| *session != id);
        self.forgotten.insert(id);
    }

    /// Whether this is what a tenant left to be remembered.
    pub(super) fn is_of(&self, tenant: &TenantId, text: &str) -> bool {
        self.texts.contains(&(tenant.clone(), text.to_owned()))
    }

    /// Whether an event is to be remembered.
    pub(super) fn is_queued_for(&self, event: EventId) -> bool {
        self.events.contains(&event)
    }

    /// Compares what is to be remembered with what is: keys, and the session of each.
    pub(super) fn compare(&self, kept: &BTreeMap<String, SessionId>, found: &mut Vec<Wrong>) {
        for (key, write) in &self.writes {
            if write.fate == Fate::Queued {
                found.push((Invariant::Drains, format!("{key} was neither made nor set aside")));
            }
            let made = write.fate == Fate::Made && !self.lied.contains(key);
            if made && kept.get(key) != Some(&write.session) {
                found.push((Invariant::NothingLost, format!("{key} is not remembered")));
            }
        }
        for (key, session) in kept {
            if self.forgotten.contains(session) {
                let what = format!("{key} of an erased session is remembered");
                found.push((Invariant::TenantIsolation, what));
            } else if !self.writes.contains_key(key) {
                let what = format!("{key} is remembered, and was not to be");
                found.push((Invariant::FailClosed, what));
            }
        }
    }

    /// Events that were remembered, with their tenants: each must have a row in the replica.
    pub(super) fn made(&self) -> impl Iterator<Item = (&TenantId, EventId)> {
        let made = self.writes.values().filter(|write| write.fate == Fate::Made);
        made.map(|write| (&write.tenant, write.event))
    }

    /// How many rows of the replica each tenant has.
    pub(super) fn rows(&self) -> BTreeMap<&TenantId, u64> {
        let mut rows = BTreeMap::new();
        for (tenant, _) in self.replica.values() {
            *rows.entry(tenant).or_default() += 1;
        }
        rows
    }
}
