//! Cancels the unfinished turns of a session.

use std::sync::Arc;

use super::persist::persist;
use super::refusal::Refusal;
use super::world::World;
use crate::identity::Principal;
use crate::ids::SessionId;
use crate::ports::{Notification, Store};
use crate::work::commit::{Cancel, Commit, CommitOutcome, Fence};

const TRIES: u32 = 4;

/// Cancels turns.
#[derive(Clone)]
pub struct CancelTurn {
    store: Arc<dyn Store>,
    world: World,
}

impl CancelTurn {
    /// Builds the use case.
    pub fn new(store: Arc<dyn Store>, world: World) -> Self {
        Self { store, world }
    }

    /// Asks for the running turn to be cancelled: it gets its terminal event, and what was used is
    /// settled. Those that wait behind it go on. Nothing if none is unfinished.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn run(&self, caller: &Principal, session: SessionId) -> Result<(), Refusal> {
        self.cancel(caller, session, Cancel::Running).await
    }

    /// Asks for every unfinished turn to be cancelled, also those that wait.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub async fn run_all(&self, caller: &Principal, session: SessionId) -> Result<(), Refusal> {
        self.cancel(caller, session, Cancel::All).await
    }

    async fn cancel(
        &self,
        caller: &Principal,
        session: SessionId,
        which: Cancel,
    ) -> Result<(), Refusal> {
        let now = self.world.clock.now();
        let mut commit = Commit::new(caller.tenant.clone(), session, Fence::Open, now);
        commit.cancel = Some(which);
        match persist(&*self.store, &self.world, &commit, TRIES).await? {
            CommitOutcome::NoSession => Err(Refusal::NoSession),
            CommitOutcome::Committed(_)
            | CommitOutcome::AlreadyDone(_)
            | CommitOutcome::Answered(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::OverBudget
            | CommitOutcome::Conflict
            | CommitOutcome::TurnDone
            | CommitOutcome::Fenced => {
                self.world.wake.notify(Notification::Cancel(session));
                self.world.wake.notify(Notification::Turns);
                Ok(())
            }
        }
    }
}

crate::opaque_debug!(CancelTurn);
