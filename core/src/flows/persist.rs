//! Committing until it is known what became of it.

use std::time::Duration;

use super::world::World;
use crate::outbox::backoff::Backoff;
use crate::ports::{PortError, PortResult, Store};
use crate::work::commit::{Commit, CommitOutcome};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(20), cap: Duration::from_secs(1) };

/// For work that is claimed: it is dropped when the claim is lost, and what was paid for or has taken
/// effect is not given away before that.
pub(super) const UNTIL_DROPPED: u32 = u32::MAX;

/// Commits, and commits the same value again while the store is unavailable or the outcome
/// unknown: a commit that had been applied says so, and is not applied twice.
///
/// # Errors
///
/// The last error, after `tries` tries (at least one), or at once if trying again cannot help.
pub(super) async fn persist(
    store: &dyn Store,
    world: &World,
    commit: &Commit,
    tries: u32,
) -> PortResult<CommitOutcome> {
    let mut failures = 0;
    loop {
        match store.commit(commit.clone()).await {
            Err(error) if error.is_transient() => {
                failures += 1;
                if failures >= tries {
                    return Err(error);
                }
                tracing::debug!(%error, failures, "a commit is tried again");
                world.timer.sleep(BACKOFF.wait(failures, world.ids.random())).await;
            }
            outcome => return outcome,
        }
    }
}

/// Reads, and reads again while the port is unavailable.
///
/// # Errors
///
/// The last error, after `tries` tries (at least one), or at once if trying again cannot help.
pub(super) async fn retry<T, F>(
    world: &World,
    tries: u32,
    mut ask: impl FnMut() -> F + Send,
) -> PortResult<T>
where
    F: Future<Output = PortResult<T>> + Send,
{
    let mut failures = 0;
    loop {
        match ask().await {
            Err(PortError::Unavailable(error) | PortError::Ambiguous(error)) => {
                failures += 1;
                if failures >= tries {
                    return Err(PortError::Unavailable(error));
                }
                world.timer.sleep(BACKOFF.wait(failures, world.ids.random())).await;
            }
            answer => return answer,
        }
    }
}
