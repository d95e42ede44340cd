//! Messages that wait to be published, and what was set aside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use soma_core::conversation::event::{Event, Seq};
use soma_core::ids::{SessionId, TenantId};
use soma_core::outbox::dead::DeadLetter;
use soma_core::outbox::lane::Lane;
use soma_core::outbox::message::{OutboxMessage, OutboxRow};
use soma_core::ports::outbox::{OutboxDepth, Settlement};
use soma_core::ports::{Outbox, PortResult};
use soma_core::time::Timestamp;
use soma_core::trace::TraceContext;
use soma_core::unreadable::Unreadable;
use soma_core::work::lease::Resource;

use super::InprocLedger;
use super::dead_letters::LetterTable;
use super::state::State;

/// What a row publishes.
#[derive(Debug)]
enum Content {
    Message(OutboxMessage),
    /// The events of a session with these numbers, first and last.
    Events(SessionId, Seq, Seq, Option<TraceContext>),
    /// What cannot be read.
    Damaged(Unreadable),
}

#[derive(Debug)]
struct Row {
    lane: Lane,
    tenant: TenantId,
    key: String,
    content: Content,
    created_at: Timestamp,
}

/// The rows by id, and what was set aside.
#[derive(Debug, Default)]
pub(super) struct OutboxTable {
    rows: BTreeMap<u64, Row>,
    pub(super) dead: LetterTable,
    last_id: u64,
}

impl OutboxTable {
    /// Adds a message.
    pub(super) fn enqueue(&mut self, message: OutboxMessage, at: Timestamp) {
        let (tenant, key) = (message.tenant.clone(), message.key.clone());
        self.add(tenant, key, Content::Message(message), at);
    }

    /// Adds the publication of the events of a commit: one row, however many they are.
    pub(super) fn refer(
        &mut self,
        tenant: &TenantId,
        events: &[Event],
        trace: Option<&TraceContext>,
        at: Timestamp,
    ) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let session = first.session_id;
        let content = Content::Events(session, first.seq, last.seq, trace.cloned());
        self.add(tenant.clone(), session.to_string(), content, at);
    }

    fn add(&mut self, tenant: TenantId, key: String, content: Content, created_at: Timestamp) {
        self.last_id += 1;
        let row = Row { lane: Lane::of(&key), tenant, key, content, created_at };
        self.rows.insert(self.last_id, row);
    }

    /// Keeps a dead letter and publishes it, unless one of its origin is kept.
    pub(super) fn set_aside(&mut self, letter: DeadLetter) {
        let message = letter.message(&platform());
        let at = letter.at;
        if self.dead.keep(letter) {
            self.enqueue(message, at);
        }
    }

    /// Takes a row out of a lane. Returns whether it was there.
    fn remove(&mut self, lane: Lane, id: u64) -> bool {
        self.rows.get(&id).is_some_and(|row| row.lane == lane) && self.rows.remove(&id).is_some()
    }

    /// The oldest row with a key cannot be read any more.
    pub(super) fn damage(&mut self, key: &str, unreadable: impl FnOnce(String) -> Unreadable) {
        if let Some(row) = self.rows.values_mut().find(|row| row.key == key) {
            let raw = match &row.content {
                Content::Message(message) => message.text(),
                Content::Events(..) | Content::Damaged(_) => key.to_owned(),
            };
            row.content = Content::Damaged(unreadable(raw));
        }
    }

    pub(super) fn erase(&mut self, tenant: &TenantId, session: SessionId) {
        let key = session.to_string();
        self.rows.retain(|_, row| !(row.tenant == *tenant && row.key == key));
        self.dead.erase(tenant, &key);
    }
}

impl State {
    /// What a row publishes, as it is read.
    fn messages(&self, row: &Row) -> Vec<OutboxMessage> {
        match &row.content {
            Content::Message(message) => vec![message.clone()],
            Content::Events(session, first, last, trace) => {
                let conversation = self.conversation(&row.tenant, *session);
                let events = conversation.map_or(&[][..], |found| &found.events);
                let referred = events.iter().filter(|event| (first..=last).contains(&&event.seq));
                let publish = |event| OutboxMessage::event(&row.tenant, event, trace.as_ref());
                referred.map(publish).collect()
            }
            Content::Damaged(_) => Vec::new(),
        }
    }

    /// Returns whether the lease holds; then its rows are gone.
    fn settle(&mut self, settlement: &Settlement) -> bool {
        let held = self.leases.is_held(&settlement.lease);
        if let Resource::Lane(lane) = settlement.lease.resource
            && held
        {
            for row in &settlement.rows {
                if self.outbox.remove(lane, row.id) {
                    row.dead.iter().cloned().for_each(|letter| self.outbox.set_aside(letter));
                }
            }
        }
        held
    }
}

/// Who a dead letter belongs to whose tenant is not known.
#[expect(clippy::expect_used, reason = "the name is a constant and valid")]
pub(super) fn platform() -> TenantId {
    TenantId::new("platform").expect("a valid name")
}

#[async_trait]
impl Outbox for InprocLedger {
    async fn read(&self, lanes: &[Lane], after: u64, limit: usize) -> PortResult<Vec<OutboxRow>> {
        let state = self.state();
        let rows = state.outbox.rows.range(after.saturating_add(1)..);
        let asked = rows.filter(|(_, row)| lanes.contains(&row.lane)).take(limit);
        let read = |(id, row): (&u64, &Row)| OutboxRow {
            id: *id,
            lane: row.lane,
            messages: state.messages(row),
            unreadable: match &row.content {
                Content::Damaged(unreadable) => Some(unreadable.clone()),
                Content::Message(_) | Content::Events(..) => None,
            },
            created_at: row.created_at,
        };
        Ok(asked.map(read).collect())
    }

    async fn settle(&self, settlements: &[Settlement]) -> PortResult<Vec<bool>> {
        let mut state = self.state();
        Ok(settlements.iter().map(|settlement| state.settle(settlement)).collect())
    }

    async fn depth(&self) -> PortResult<OutboxDepth> {
        let state = self.state();
        let oldest = state.outbox.rows.values().map(|row| row.created_at).min();
        Ok(OutboxDepth { rows: state.outbox.rows.len() as u64, oldest })
    }
}
