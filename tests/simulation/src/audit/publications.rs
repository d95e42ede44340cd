//! Rows of the outbox, and whether each was published before it was deleted.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::ids::SessionId;
use soma_core::outbox::message::{OutboxRow, Record};
use soma_core::outbox::topic::Topic;

use super::invariant::{Invariant, Wrong};

/// A row that a relay has seen.
#[derive(Debug)]
struct Row {
    topic: Topic,
    key: String,
    dedupe: String,
}

/// Rows and publications.
#[derive(Debug, Default)]
pub(super) struct Publications {
    rows: BTreeMap<u64, Row>,
    row_of: BTreeMap<(Topic, String), u64>,
    published: BTreeSet<(Topic, String)>,
    /// The newest row that was published of a key.
    newest: BTreeMap<(Topic, String), u64>,
    /// Keys of erased sessions.
    erased: BTreeSet<String>,
}

impl Publications {
    /// A relay was shown rows.
    pub(super) fn read(&mut self, rows: &[OutboxRow]) -> Result<(), Wrong> {
        let mut late = None;
        for row in rows {
            if self.rows.contains_key(&row.id) {
                continue;
            }
            let message = &row.message;
            let dedupe = message.dedupe_key.to_string();
            self.row_of.insert((message.topic, dedupe.clone()), row.id);
            let seen = Row { topic: message.topic, key: message.key.clone(), dedupe };
            self.rows.insert(row.id, seen);
            late = late.or_else(|| self.erased.contains(&message.key).then_some(row));
        }
        late.map_or(Ok(()), |OutboxRow { id, message, .. }| {
            let what =
                format!("row {id} of {} came after {} was erased", message.topic, message.key);
            Err((Invariant::TenantIsolation, what))
        })
    }

    /// A session was erased, and its rows with it.
    pub(super) fn erased(&mut self, session: SessionId) {
        self.erased.insert(session.to_string());
    }

    /// Records were published.
    pub(super) fn published(&mut self, topic: Topic, records: &[Record]) -> Result<(), Wrong> {
        for record in records {
            let Some(dedupe) = record.header("event_id") else { continue };
            let message = (topic, dedupe.to_owned());
            let row = self.row_of.get(&message).copied();
            if !self.published.insert(message) {
                continue;
            }
            let Some(row) = row else { continue };
            let newest = self.newest.entry((topic, record.key.clone())).or_default();
            let before = std::mem::replace(newest, (*newest).max(row));
            if row < before {
                let what = format!("row {row} of {} came after row {before}", record.key);
                return Err((Invariant::Order, what));
            }
        }
        Ok(())
    }

    /// Rows were deleted.
    pub(super) fn settled(&mut self, ids: &[u64]) -> Result<(), Wrong> {
        for id in ids {
            let Some(row) = self.rows.get(id) else {
                return Err((Invariant::NothingLost, format!("row {id} was deleted unread")));
            };
            if !self.published.contains(&(row.topic, row.dedupe.clone())) {
                let what = format!("row {id} of {} was deleted, never published", row.key);
                return Err((Invariant::NothingLost, what));
            }
        }
        Ok(())
    }
}
