//! Session metadata in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use soma_core::ids::SessionId;
use soma_core::ports::{Cache, Clock, PortResult};
use soma_core::time::Timestamp;
use soma_core::work::session::Session;

use crate::lock::locked;

/// Remembers a bounded number of sessions; those that end first make room for new ones.
pub struct InprocCache {
    capacity: usize,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<SessionId, (Timestamp, Session)>,
    ends: BTreeSet<(Timestamp, SessionId)>,
}

impl InprocCache {
    /// An empty cache for at most `capacity` sessions, which end by `clock`.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        Self { capacity, clock, state: Mutex::default() }
    }
}

soma_core::opaque_debug!(InprocCache);

impl State {
    fn remove(&mut self, session: SessionId) {
        if let Some((end, _)) = self.sessions.remove(&session) {
            self.ends.remove(&(end, session));
        }
    }

    fn make_room(&mut self, capacity: usize) {
        while self.sessions.len() > capacity {
            let Some((_, session)) = self.ends.pop_first() else { return };
            self.sessions.remove(&session);
        }
    }
}

#[async_trait]
impl Cache for InprocCache {
    async fn get(&self, session: SessionId) -> PortResult<Option<Session>> {
        let now = self.clock.now();
        let mut state = locked(&self.state);
        if state.sessions.get(&session).is_some_and(|(end, _)| *end <= now) {
            state.remove(session);
        }
        Ok(state.sessions.get(&session).map(|(_, session)| session.clone()))
    }

    async fn put(&self, session: &Session, ttl: Duration) -> PortResult<()> {
        let (id, end) = (session.session_id, self.clock.now() + ttl);
        let mut state = locked(&self.state);
        state.remove(id);
        state.sessions.insert(id, (end, session.clone()));
        state.ends.insert((end, id));
        state.make_room(self.capacity);
        Ok(())
    }

    async fn drop_session(&self, session: SessionId) -> PortResult<()> {
        locked(&self.state).remove(session);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use soma_core::conversation::chain::Chain;
    use soma_core::ids::TenantId;
    use uuid::Uuid;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn full_cache_forgets_what_ends_first() {
        let now = Timestamp::from_micros(0);
        let cache = InprocCache::new(2, Arc::new(ManualClock::at(now)));
        let sessions = [1, 2, 3].map(|number| {
            let session_id = SessionId::from_uuid(Uuid::from_u128(number));
            Session {
                tenant: TenantId::new("acme").unwrap(),
                session_id,
                persona_id: None,
                created_at: now,
                updated_at: now,
                chain: Chain::new(session_id),
                turns_accepted: 0,
                turns_done: 0,
            }
        });

        for (session, seconds) in sessions.iter().zip([30, 10, 20]) {
            let put = cache.put(session, Duration::from_secs(seconds));
            put.now_or_never().unwrap().unwrap();
        }

        let there = sessions
            .map(|session| cache.get(session.session_id).now_or_never().unwrap().unwrap())
            .map(|found| found.is_some());
        assert_eq!(there, [true, false, true]);
    }
}
