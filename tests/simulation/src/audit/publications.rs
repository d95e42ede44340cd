//! Rows of the outbox, and whether each was published before it was deleted.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::ids::SessionId;
use soma_core::outbox::message::{OutboxMessage, OutboxRow, Record};
use soma_core::outbox::topic::Topic;
use soma_core::ports::outbox::SettledRow;

use super::invariant::{Invariant, Wrong};

/// The topic and the id of a message.
type Message = (Topic, String);

/// A row that a relay has seen.
#[derive(Debug)]
struct Row {
    key: String,
    messages: Vec<Message>,
}

/// Rows and publications.
#[derive(Debug, Default)]
pub(super) struct Publications {
    rows: BTreeMap<u64, Row>,
    /// The first row with a message, and its place there.
    place_of: BTreeMap<Message, (u64, usize)>,
    published: BTreeSet<Message>,
    /// The newest place from which something was published of a key.
    newest: BTreeMap<(Topic, String), (u64, usize)>,
    /// Keys of erased sessions.
    erased: BTreeSet<String>,
}

impl Publications {
    /// A relay was shown rows.
    pub(super) fn read(&mut self, rows: &[OutboxRow]) -> Result<(), Wrong> {
        let mut wrong = None;
        for row in rows {
            if self.rows.contains_key(&row.id) {
                continue;
            }
            let of = |message: &OutboxMessage| (message.topic, message.event_id.to_string());
            let messages: Vec<Message> = row.messages.iter().map(of).collect();
            for (index, message) in messages.iter().enumerate() {
                self.place_of.entry(message.clone()).or_insert((row.id, index));
            }
            let key = row.messages.first().map(|message| message.key.clone()).unwrap_or_default();
            wrong = wrong.or_else(|| self.wrong(row, &key));
            self.rows.insert(row.id, Row { key, messages });
        }
        wrong.map_or(Ok(()), Err)
    }

    /// What is wrong with a row that was not seen before.
    fn wrong(&self, row: &OutboxRow, key: &str) -> Option<Wrong> {
        let Some(first) = row.messages.first() else {
            return Some((Invariant::NothingLost, format!("row {} has no message", row.id)));
        };
        let same = |message: &OutboxMessage| message.topic == first.topic && message.key == key;
        if !row.messages.iter().all(same) {
            let what = format!("row {} of {key} is of several topics or keys", row.id);
            return Some((Invariant::Order, what));
        }
        self.erased.contains(key).then(|| {
            let what = format!("row {} of {} came after {key} was erased", row.id, first.topic);
            (Invariant::TenantIsolation, what)
        })
    }

    /// A session was erased, and its rows with it.
    pub(super) fn erased(&mut self, session: SessionId) {
        self.erased.insert(session.to_string());
    }

    /// Records were published.
    pub(super) fn published(&mut self, topic: Topic, records: &[Record]) -> Result<(), Wrong> {
        for record in records {
            let Some(id) = record.header("event_id") else { continue };
            let message = (topic, id.to_owned());
            let place = self.place_of.get(&message).copied();
            if !self.published.insert(message) {
                continue;
            }
            let Some(place) = place else { continue };
            let newest = self.newest.entry((topic, record.key.clone())).or_default();
            let before = std::mem::replace(newest, (*newest).max(place));
            if place < before {
                let what = format!("{place:?} of {} came after {before:?}", record.key);
                return Err((Invariant::Order, what));
            }
        }
        Ok(())
    }

    /// Rows were deleted.
    pub(super) fn settled(&mut self, rows: &[SettledRow]) -> Result<(), Wrong> {
        for SettledRow { id, dead } in rows {
            let Some(row) = self.rows.get(id) else {
                return Err((Invariant::NothingLost, format!("row {id} was deleted unread")));
            };
            let missing = row.messages.iter().filter(|message| !self.published.contains(message));
            if missing.count() > dead.len() {
                let what = format!("row {id} of {} was deleted, not all published", row.key);
                return Err((Invariant::NothingLost, what));
            }
        }
        Ok(())
    }
}
