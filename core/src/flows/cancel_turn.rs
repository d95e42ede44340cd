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

    /// Asks for the running turn, and those that wait behind it, to be cancelled: each gets its
    /// terminal event, and what was used is settled. Nothing if none is unfinished.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session.
    pub async fn run(&self, caller: &Principal, session: SessionId) -> Result<(), Refusal> {
        let now = self.world.clock.now();
        let mut commit = Commit::new(caller.tenant.clone(), session, Fence::Open, now);
        commit.cancel = Some(Cancel::All);
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
