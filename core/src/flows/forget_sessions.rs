//! Has the memory forget sessions that were erased.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{StreamExt, iter};

use super::stop::Stop;
use super::world::World;
use crate::ports::memory_queue::DueForget;
use crate::ports::{Memory, MemoryQueue, PortResult};

const CONCURRENCY: usize = 8;
/// How long forgetting may take; then it is tried again later.
const LONGEST_FORGET: Duration = Duration::from_secs(10);
/// When a session is forgotten for the last time, after it was erased. A write that was in hand then
/// may land after the session was forgotten: it ends at most 30 seconds after it was read from the
/// queue.
const LAST_FORGET: Duration = Duration::from_mins(1);

/// Forgets sessions that were erased.
#[derive(Clone)]
pub(super) struct ForgetSessions {
    queue: Arc<dyn MemoryQueue>,
    memory: Arc<dyn Memory>,
    world: World,
}

impl ForgetSessions {
    pub(super) fn new(queue: Arc<dyn MemoryQueue>, memory: Arc<dyn Memory>, world: World) -> Self {
        Self { queue, memory, world }
    }

    /// Forgets what is due, at most `limit`. Returns how many sessions were forgotten: those that were
    /// not stay due.
    pub(super) async fn round(&self, limit: usize, stop: &Stop) -> PortResult<usize> {
        let due = self.queue.forgets(limit).await?;
        let in_time = iter(due).take_while(|_| ready(!stop.is_set()));
        let outcomes: Vec<PortResult<usize>> =
            in_time.map(|due| self.forget(due)).buffer_unordered(CONCURRENCY).collect().await;
        outcomes.into_iter().sum()
    }

    async fn forget(&self, due: DueForget) -> PortResult<usize> {
        // The time before it is forgotten: what lands later is not forgotten with it.
        let (now, last) = (self.world.clock.now(), due.erased_at + LAST_FORGET);
        let DueForget { tenant, session_id, .. } = &due;
        let forget = self.memory.forget_session(tenant, *session_id);
        let forgotten = self.world.within(LONGEST_FORGET, forget).await;
        match forgotten {
            Ok(()) => {
                let again_after = (now < last).then(|| last.since(now));
                self.queue.forgot(&due, again_after).await?;
                Ok(1)
            }
            Err(error) => {
                tracing::warn!(%error, session = %session_id, "a session is not forgotten yet");
                Ok(0)
            }
        }
    }
}
