//! Memory writes that wait to be made, and sessions that wait to be forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::{SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::dead::{DeadLetter, Origin};
use soma_core::outbox::lane::Lane;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite, WriteOutcome};
use soma_core::ports::{MemoryQueue, PortResult};
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use soma_core::work::lease::{PartitionLease, Resource};

use super::InprocLedger;
use super::state::State;

#[derive(Debug)]
struct Row {
    write: MemoryWrite,
    trace: Option<TraceContext>,
    /// How many older writes of its key it replaced.
    version: u64,
    /// How often it was put off.
    tries: u32,
    /// Until when it was put off, if it was.
    put_off_until: Option<Timestamp>,
    /// Whether it cannot be read.
    damaged: bool,
}

impl Row {
    fn is_due(&self, now: Timestamp) -> bool {
        self.put_off_until.is_none_or(|until| until <= now)
    }

    fn lane(&self) -> Lane {
        Lane::of(&self.write.key)
    }
}

/// The rows, by id: older ones first.
#[derive(Debug, Default)]
pub(super) struct MemoryTable {
    rows: BTreeMap<u64, Row>,
    /// What is to be forgotten, and when if not at once, in the order of erasure.
    forgets: Vec<(DueForget, Option<Timestamp>)>,
    last_id: u64,
}

impl MemoryTable {
    /// Queues a write; one with the same key is overwritten.
    pub(super) fn upsert(&mut self, write: MemoryWrite, trace: Option<TraceContext>) {
        let new = Row { write, trace, version: 0, tries: 0, put_off_until: None, damaged: false };
        if let Some(row) = self.rows.values_mut().find(|row| row.write.key == new.write.key) {
            *row = Row { version: row.version + 1, ..new };
            return;
        }
        self.last_id += 1;
        self.rows.insert(self.last_id, new);
    }

    /// Removes what waits of a session, and leaves it to be forgotten.
    pub(super) fn erase(&mut self, tenant: &TenantId, session_id: SessionId, at: Timestamp) {
        let of = |write: &MemoryWrite| write.tenant == *tenant && write.session_id == session_id;
        self.rows.retain(|_, row| !of(&row.write));
        let forget = DueForget { tenant: tenant.clone(), session_id, erased_at: at };
        self.forgets.push((forget, None));
    }

    fn due_forgets(&self, now: Timestamp, limit: usize) -> Vec<DueForget> {
        let due = self.forgets.iter().filter(|(_, due_at)| due_at.is_none_or(|at| at <= now));
        due.map(|(forget, _)| forget.clone()).take(limit).collect()
    }

    fn forgot(&mut self, forgotten: &DueForget, again_at: Option<Timestamp>) {
        match again_at {
            Some(at) => {
                let again = self.forgets.iter_mut().find(|(forget, _)| forget == forgotten);
                if let Some((_, due_at)) = again {
                    *due_at = Some(at);
                }
            }
            None => self.forgets.retain(|(forget, _)| forget != forgotten),
        }
    }

    /// The writes of a session cannot be read any more.
    pub(super) fn damage(&mut self, session: SessionId) {
        let of = |row: &&mut Row| row.write.session_id == session;
        self.rows.values_mut().filter(of).for_each(|row| row.damaged = true);
    }

    /// Takes out what is due in some lanes and cannot be read, as dead letters.
    fn take_unreadable(&mut self, lanes: &[Lane], now: Timestamp) -> Vec<DeadLetter> {
        let unreadable =
            |_: &u64, row: &mut Row| row.damaged && row.is_due(now) && lanes.contains(&row.lane());
        let rows = self.rows.extract_if(.., unreadable);
        rows.map(|(id, row)| unreadable_letter(id, &row.write, now)).collect()
    }

    fn due(&self, lanes: &[Lane], now: Timestamp, limit: usize) -> Vec<DueWrite> {
        let due = self.rows.iter().filter(|(_, row)| row.is_due(now));
        let due = due.filter(|(_, row)| lanes.contains(&row.lane())).take(limit);
        let due = due.map(|(id, row)| DueWrite {
            id: *id,
            version: row.version,
            tries: row.tries + 1,
            write: row.write.clone(),
            trace: row.trace.clone(),
        });
        due.collect()
    }

    /// The row, unless it was replaced since.
    fn unchanged(&mut self, due: &DueWrite) -> Option<&mut Row> {
        self.rows.get_mut(&due.id).filter(|row| row.version == due.version)
    }

    /// Takes the row away, unless it was replaced.
    fn remove(&mut self, due: &DueWrite) -> Option<Row> {
        self.unchanged(due)?;
        self.rows.remove(&due.id)
    }

    /// Makes the row due again at that time, unless it was replaced.
    fn put_off(&mut self, due: &DueWrite, until: Timestamp) -> bool {
        let Some(row) = self.unchanged(due) else { return false };
        row.put_off_until = Some(until);
        row.tries = due.tries;
        true
    }
}

impl State {
    /// The lanes of those leases that nobody took over.
    fn held_lanes(&self, leases: &[PartitionLease]) -> Vec<Lane> {
        let held = leases.iter().filter(|lease| self.leases.is_held(lease));
        let lanes = held.filter_map(|lease| match lease.resource {
            Resource::MemoryLane(lane) => Some(lane),
            Resource::Lane(_) | Resource::Partition { .. } => None,
        });
        lanes.collect()
    }

    /// Settles one write. Returns whether it was settled.
    fn settle_memory(&mut self, settlement: &SettledWrite, now: Timestamp) -> bool {
        let SettledWrite { due, outcome } = settlement;
        if let WriteOutcome::PutOff(span) = outcome {
            return self.memory.put_off(due, now + *span);
        }
        let Some(row) = self.memory.remove(due) else { return false };
        match outcome {
            WriteOutcome::Made(at) => {
                let wal = WalEvent::new(due.write.clone(), *at);
                self.outbox.enqueue(wire::memory_written(&wal, row.trace), *at);
            }
            WriteOutcome::Refused(letter) => self.outbox.set_aside(letter.clone()),
            WriteOutcome::PutOff(_) => {}
        }
        true
    }
}

#[async_trait]
impl MemoryQueue for InprocLedger {
    async fn due(&self, lanes: &[PartitionLease], limit: usize) -> PortResult<Vec<DueWrite>> {
        let now = self.clock.now();
        let mut state = self.state();
        let lanes = state.held_lanes(lanes);
        for letter in state.memory.take_unreadable(&lanes, now) {
            state.outbox.set_aside(letter);
        }
        Ok(state.memory.due(&lanes, now, limit))
    }

    async fn settle(
        &self,
        lanes: &[PartitionLease],
        settlements: &[SettledWrite],
    ) -> PortResult<Vec<bool>> {
        let now = self.clock.now();
        let mut state = self.state();
        let lanes = state.held_lanes(lanes);
        let settled = settlements.iter().map(|one| {
            lanes.contains(&Lane::of(&one.due.write.key)) && state.settle_memory(one, now)
        });
        Ok(settled.collect())
    }

    async fn forgets(&self, limit: usize) -> PortResult<Vec<DueForget>> {
        Ok(self.state().memory.due_forgets(self.clock.now(), limit))
    }

    async fn forgot(&self, forget: &DueForget, again_after: Option<Duration>) -> PortResult<()> {
        let again_at = again_after.map(|span| self.clock.now() + span);
        self.state().memory.forgot(forget, again_at);
        Ok(())
    }

    async fn backlog(&self) -> PortResult<u64> {
        let state = self.state();
        Ok((state.memory.rows.len() + state.memory.forgets.len()) as u64)
    }
}

fn unreadable_letter(id: u64, write: &MemoryWrite, at: Timestamp) -> DeadLetter {
    DeadLetter {
        topic: Topic::MemoryWal,
        partition: None,
        offset: Some(id),
        key: write.session_id.to_string(),
        tenant: Some(write.tenant.clone()),
        payload: "damaged".into(),
        error: "it was damaged".into(),
        at,
        origin: Origin::State,
    }
}
