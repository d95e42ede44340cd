//! Deletes a session with everything that was said and remembered in it.

use std::fmt;
use std::sync::Arc;

use super::refusal::Refusal;
use super::world::World;
use crate::identity::Principal;
use crate::ids::SessionId;
use crate::ports::{Memory, Poke, Store};

/// Deletes sessions.
#[derive(Clone)]
pub struct DeleteSession {
    store: Arc<dyn Store>,
    memory: Arc<dyn Memory>,
    world: World,
}

impl DeleteSession {
    /// Puts the use case together.
    pub fn new(store: Arc<dyn Store>, memory: Arc<dyn Memory>, world: World) -> Self {
        Self { store, memory, world }
    }

    /// Deletes the session. A turn that runs in it ends without a trace.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session. If the memory fails, the
    /// session is still there, and the request can be made again.
    pub async fn run(&self, caller: &Principal, session: SessionId) -> Result<(), Refusal> {
        let found = self.store.session(&caller.tenant, session).await?;
        found.ok_or(Refusal::NoSession)?;
        self.memory.forget_session(&caller.tenant, session).await?;
        self.store.erase(&caller.tenant, session).await?;
        self.world.wake.poke(Poke::Cancel(session));
        Ok(())
    }
}

impl fmt::Debug for DeleteSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeleteSession")
    }
}
