//! Memory writes that wait to be made, and sessions that wait to be forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::{OwnerId, SessionId, TenantId};
use soma_core::memory::{MemoryWrite, WalEvent};
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::topic::Topic;
use soma_core::outbox::wire;
use soma_core::ports::memory_queue::{DueForget, DueWrite, SettledWrite, WriteOutcome};
use soma_core::ports::{MemoryQueue, PortResult};
use soma_core::time::Timestamp;

use super::InprocLedger;
use super::state::State;

#[derive(Debug)]
struct Row {
    write: MemoryWrite,
    token: u64,
    tries: u32,
    /// Until when it was put off, if it was.
    put_off_until: Option<Timestamp>,
    /// Until when whoever took it up holds it, unless it was given back.
    held_until: Option<Timestamp>,
    /// Whether it cannot be read.
    damaged: bool,
}

impl Row {
    fn is_due(&self, now: Timestamp) -> bool {
        let over = |until: Option<Timestamp>| until.is_none_or(|until| until <= now);
        over(self.put_off_until) && over(self.held_until)
    }
}

/// The rows, by id: older ones first.
#[derive(Debug, Default)]
pub(super) struct MemoryTable {
    rows: BTreeMap<u64, Row>,
    /// What is to be forgotten, and when if not at once, in the order of erasure.
    forgets: Vec<(DueForget, Option<Timestamp>)>,
    last_id: u64,
    last_token: u64,
}

impl MemoryTable {
    /// Queues a write; one with the same key is overwritten, and stays held by whoever makes it: were
    /// it due at once, the older text could be remembered last.
    pub(super) fn upsert(&mut self, write: MemoryWrite) {
        let token = self.next_token();
        let new =
            Row { write, token, tries: 0, put_off_until: None, held_until: None, damaged: false };
        if let Some(row) = self.rows.values_mut().find(|row| row.write.key == new.write.key) {
            *row = Row { held_until: row.held_until, ..new };
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

    /// Takes out what is due and cannot be read, as dead letters.
    fn take_unreadable(&mut self, now: Timestamp) -> Vec<DeadLetter> {
        let unreadable = |_: &u64, row: &mut Row| row.damaged && row.is_due(now);
        let rows = self.rows.extract_if(.., unreadable);
        rows.map(|(id, row)| unreadable_letter(id, &row.write, now)).collect()
    }

    fn take_up(&mut self, now: Timestamp, hold: Duration, limit: usize) -> Vec<DueWrite> {
        let due = self.rows.iter().filter(|(_, row)| row.is_due(now));
        let due = due.map(|(id, _)| *id).take(limit).collect::<Vec<_>>();
        due.into_iter().filter_map(|id| self.hold(id, now + hold)).collect()
    }

    fn hold(&mut self, id: u64, until: Timestamp) -> Option<DueWrite> {
        let token = self.next_token();
        let row = self.rows.get_mut(&id)?;
        row.token = token;
        row.tries += 1;
        row.held_until = Some(until);
        Some(DueWrite { id, token, tries: row.tries, write: row.write.clone() })
    }

    /// The row, unless it was taken up or overwritten since.
    fn held(&mut self, due: &DueWrite) -> Option<&mut Row> {
        self.rows.get_mut(&due.id).filter(|row| row.token == due.token)
    }

    /// Takes the row away if it is still its taker's.
    fn remove(&mut self, due: &DueWrite) -> bool {
        self.held(due).is_some() && self.rows.remove(&due.id).is_some()
    }

    /// Makes the row due again at that time if it is still its taker's.
    fn put_off(&mut self, due: &DueWrite, until: Timestamp) -> bool {
        let Some(row) = self.held(due) else { return false };
        row.put_off_until = Some(until);
        row.held_until = None;
        true
    }

    const fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }
}

impl State {
    /// Settles one write; whether it was still its taker's.
    fn settle_memory(&mut self, settlement: &SettledWrite, now: Timestamp) -> bool {
        let SettledWrite { due, outcome } = settlement;
        match outcome {
            WriteOutcome::PutOff(span) => self.memory.put_off(due, now + *span),
            WriteOutcome::Made(at) => {
                let ours = self.memory.remove(due);
                if ours {
                    let wal = WalEvent::new(due.write.clone(), *at);
                    self.outbox.enqueue(wire::memory_written(&wal), *at);
                }
                ours
            }
            WriteOutcome::Refused(letter) => {
                let ours = self.memory.remove(due);
                if ours {
                    self.outbox.set_aside(letter.clone());
                }
                ours
            }
        }
    }
}

#[async_trait]
impl MemoryQueue for InprocLedger {
    async fn due(
        &self,
        _owner: OwnerId,
        hold: Duration,
        limit: usize,
    ) -> PortResult<Vec<DueWrite>> {
        let now = self.clock.now();
        let mut state = self.state();
        for letter in state.memory.take_unreadable(now) {
            state.outbox.set_aside(letter);
        }
        Ok(state.memory.take_up(now, hold, limit))
    }

    async fn settle(&self, settlements: &[SettledWrite]) -> PortResult<Vec<bool>> {
        let now = self.clock.now();
        let mut state = self.state();
        Ok(settlements.iter().map(|one| state.settle_memory(one, now)).collect())
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
    }
}
