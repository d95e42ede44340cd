//! What a case compares before and after.

use super::super::ledger::Ledger;
use super::super::talk::Talk;
use crate::budget::Spent;
use crate::conversation::event::Event;
use crate::outbox::message::OutboxRow;
use crate::tool::CallRecord;
use crate::work::session::{Session, TurnRecord};

/// All that a commit can change and a port can show.
#[derive(Debug, PartialEq)]
pub(super) struct Sight {
    pub(super) session: Option<Session>,
    pub(super) events: Vec<Event>,
    pub(super) turns: Vec<Option<TurnRecord>>,
    pub(super) calls: Vec<CallRecord>,
    pub(super) outbox: Vec<OutboxRow>,
    pub(super) memories: u64,
    pub(super) spent: Spent,
}

/// Looks at a session and its first two turns.
pub(super) async fn sight(ledger: &Ledger, talk: &Talk) -> Sight {
    let (store, session) = (&ledger.store, talk.session_id);
    Sight {
        session: store.session(&talk.tenant, session).await.unwrap(),
        events: ledger.events(talk).await,
        turns: vec![
            store.turn(talk.turn(1)).await.unwrap(),
            store.turn(talk.turn(2)).await.unwrap(),
        ],
        calls: store.open_calls(session).await.unwrap(),
        outbox: ledger.pending().await,
        memories: ledger.memory_queue.backlog().await.unwrap(),
        spent: ledger.spent(talk).await,
    }
}
