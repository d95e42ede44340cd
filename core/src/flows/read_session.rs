//! Reads a session: what it is, its events, and what was said in it.

use std::sync::Arc;

use super::refusal::Refusal;
use crate::conversation::event::{Event, EventType, Seq};
use crate::identity::Principal;
use crate::ids::SessionId;
use crate::ports::Store;
use crate::work::session::{EventRange, Session};

/// The most events of one page.
pub const MAX_EVENTS: usize = 500;

/// Reads sessions.
#[derive(Clone)]
pub struct ReadSession {
    store: Arc<dyn Store>,
}

impl ReadSession {
    /// Builds the use case.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn run(&self, caller: &Principal, session: SessionId) -> Result<Session, Refusal> {
        self.store.session(&caller.tenant, session).await?.ok_or(Refusal::NoSession)
    }

    /// Its events after a number, oldest first: at most `limit`, from 1 to [`MAX_EVENTS`].
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn events(
        &self,
        caller: &Principal,
        session: SessionId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, Refusal> {
        self.run(caller, session).await?;
        let limit = limit.clamp(1, MAX_EVENTS);
        Ok(self.store.events(&caller.tenant, session, EventRange::After(after), limit).await?)
    }

    /// What was said, newest last: messages, answers and failures among the last
    /// [`MAX_EVENTS`] events.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn history(
        &self,
        caller: &Principal,
        session: SessionId,
    ) -> Result<Vec<Event>, Refusal> {
        self.run(caller, session).await?;
        let range = EventRange::Before(Seq(u64::MAX));
        let mut events = self.store.events(&caller.tenant, session, range, MAX_EVENTS).await?;
        events.retain(|event| event.kind == EventType::UserMessage || event.kind.is_terminal());
        events.reverse();
        Ok(events)
    }
}

crate::opaque_debug!(ReadSession);
