//! What must hold when nothing is under way any more.

mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use soma_core::ids::{EventId, SessionId, TenantId};
use soma_core::outbox::topic::Topic;
use soma_core::ports::{MemoryQueue, Outbox, Store, UsageLedger};
use soma_core::time::Timestamp;
use soma_core::work::lease::Resource;
use soma_inproc::{InprocLedger, InprocMemory};

use super::invariant::{Invariant, Wrong};
use super::{Books, now, outcomes};

type Found = Vec<Wrong>;

/// What is still under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrest {
    /// So many turns have not ended.
    Turns(u64),
    /// So many rows are in the outbox.
    Outbox(u64),
    /// Memories wait to be written, or to be forgotten.
    Memories {
        /// How many.
        waiting: u64,
        /// When the first is due, if that is known of all.
        first_due: Option<Timestamp>,
    },
    /// A partition is not read to its end.
    Behind {
        /// Which.
        resource: Resource,
        /// How far it is read.
        position: u64,
        /// Where it ends.
        end: u64,
    },
    /// A record came where the position had passed before the log was cut, and nobody saw it.
    Unseen {
        /// Who reads there.
        resource: Resource,
        /// The place of the record.
        offset: u64,
    },
    /// Tool calls of a session are open.
    Calls(SessionId, usize),
}

impl fmt::Display for Unrest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turns(pending) => write!(f, "{pending} turns have not ended"),
            Self::Outbox(rows) => write!(f, "{rows} rows are in the outbox"),
            Self::Memories { waiting, .. } => {
                write!(f, "{waiting} memories wait to be written or forgotten")
            }
            Self::Behind { resource, position, end } => {
                write!(f, "{resource} is at {position} of {end}")
            }
            Self::Unseen { resource, offset } => write!(f, "{resource} never saw {offset}"),
            Self::Calls(session, open) => write!(f, "{open} calls of {session} are open"),
        }
    }
}

/// What is still under way, if anything is.
pub(super) fn unrest(ledger: &InprocLedger, books: &Books) -> Option<Unrest> {
    let pending = books.sessions.pending();
    if pending > 0 {
        return Some(Unrest::Turns(pending));
    }
    let rows = now(Outbox::depth(ledger)).map_or(0, |depth| depth.rows);
    if rows > 0 {
        return Some(Unrest::Outbox(rows));
    }
    if let Some((resource, position, end)) = books.positions.behind() {
        return Some(Unrest::Behind { resource: resource.clone(), position, end });
    }
    if let Some((resource, offset)) = books.positions.unseen() {
        return Some(Unrest::Unseen { resource: resource.clone(), offset });
    }
    let mut sessions = books.sessions.by_id.iter().filter(|(_, session)| !session.erased);
    let calls = sessions.find_map(|(id, _)| {
        let open = now(ledger.open_calls(*id)).unwrap_or_default().len();
        (open > 0).then_some(Unrest::Calls(*id, open))
    });
    // Last: where nothing else is left, there is nothing to do until the first is due.
    calls.or_else(|| {
        let waiting = now(MemoryQueue::backlog(ledger)).filter(|waiting| *waiting > 0)?;
        Some(Unrest::Memories { waiting, first_due: books.waiting.first_due(waiting) })
    })
}

/// Checks everything.
pub(super) fn check(
    ledger: &InprocLedger,
    memory: &InprocMemory,
    books: &Books,
    found: &mut Found,
) {
    for (id, session) in &books.sessions.by_id {
        if session.erased {
            sessions::gone(ledger, *id, session, found);
        } else {
            sessions::whole(ledger, books, *id, session, found);
        }
    }
    promised(books, found);
    settled(ledger, books, found);
    outcomes::kept(ledger, books, found);
    books.memories.compare(&memory.keys(), found);
    replicated(ledger, books, found);
}

/// What clients were told is so.
fn promised(books: &Books, found: &mut Found) {
    for (tenant, key, receipt, _) in &books.acknowledged {
        let turn = books.keys.get(&(tenant.clone(), key.clone()));
        let session = books.sessions.of_turn.get(&receipt.turn_id);
        if turn != Some(&receipt.turn_id) || session != Some(&receipt.session_id) {
            let what = format!("{key} was acknowledged as {receipt:?}, it is {turn:?}");
            found.push((Invariant::NothingLost, what));
        }
    }
    for (tenant, key) in &books.refused {
        if books.keys.contains_key(&(tenant.clone(), key.clone())) {
            found.push((Invariant::RefusedIsAbsent, format!("{key} was refused, and is there")));
        }
    }
}

/// Nothing is set aside any more, and what was used is what the ledger says.
fn settled(ledger: &InprocLedger, books: &Books, found: &mut Found) {
    books.accounts.at_rest(found);
    for ((account, window), used) in books.accounts.used() {
        let spent = now(ledger.balance(account, *window)).unwrap_or_default().spent();
        if (spent.used, spent.reserved) != (used, 0) {
            let what = format!("{account:?} has {spent:?}, and used {used}");
            found.push((Invariant::Budget, what));
        }
    }
}

/// The replica has a row for each memory that was made, and none of an erased session.
fn replicated(ledger: &InprocLedger, books: &Books, found: &mut Found) {
    if books.positions.is_whole(Topic::MemoryWal) {
        let mut kept: BTreeMap<&TenantId, BTreeSet<EventId>> = BTreeMap::new();
        for (tenant, event) in books.memories.made() {
            let of = kept.entry(tenant).or_insert_with(|| {
                ledger.replica_rows(tenant).iter().map(|row| row.write.event_id).collect()
            });
            if !of.contains(&event) {
                found.push((Invariant::NothingLost, format!("{event} has no row in the replica")));
            }
        }
    }
    for (tenant, rows) in books.memories.rows() {
        let kept = ledger.replica_rows(tenant).len() as u64;
        if kept != rows {
            let what = format!("the replica has {kept} rows of {tenant}, of {rows}");
            found.push((Invariant::TenantIsolation, what));
        }
    }
}
