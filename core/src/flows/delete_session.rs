//! Deletes a session with everything that was said and remembered in it.

use std::sync::Arc;
use std::time::Duration;

use super::hub::Hub;
use super::refusal::Refusal;
use super::world::World;
use crate::identity::Principal;
use crate::ids::SessionId;
use crate::ports::{Memory, Notification, Store};

/// How long a client waits for the memory: forgetting goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Deletes sessions.
#[derive(Clone)]
pub struct DeleteSession {
    store: Arc<dyn Store>,
    memory: Arc<dyn Memory>,
    hub: Hub,
    world: World,
}

impl DeleteSession {
    /// Builds the use case. Who follows the session by `hub` is told at once, who follows it
    /// elsewhere within seconds.
    pub fn new(store: Arc<dyn Store>, memory: Arc<dyn Memory>, hub: Hub, world: World) -> Self {
        Self { store, memory, hub, world }
    }

    /// Deletes the session. A turn that runs in it ends without a trace. If the memory fails,
    /// [`SyncMemory`](super::sync_memory::SyncMemory) has it forget the session later.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn run(&self, caller: &Principal, session: SessionId) -> Result<(), Refusal> {
        let found = self.store.session(&caller.tenant, session).await?;
        found.ok_or(Refusal::NoSession)?;
        self.store.erase(&caller.tenant, session, self.world.clock.now()).await?;
        self.hub.stored([(session, None)]);
        self.world.wake.notify(Notification::Cancel(session));
        self.world.wake.notify(Notification::Memory);
        let forget = self.memory.forget_session(&caller.tenant, session);
        if let Err(error) = self.world.within(PATIENCE, forget).await {
            tracing::warn!(%error, %session, "a session that was deleted is forgotten later");
        }
        Ok(())
    }
}

crate::opaque_debug!(DeleteSession);
