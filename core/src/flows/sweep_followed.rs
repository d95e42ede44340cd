//! Looks into the store for all that a gateway follows, at once: for what the log did not tell, and
//! for sessions that were deleted elsewhere.

use std::time::Duration;

use super::hub::Hub;
use super::stop::Stop;
use super::world::World;
use crate::ports::Store;

/// How often a gateway looks, should the log fail to tell it.
const LOOK: Duration = Duration::from_secs(5);

/// Looks now and then until `stop`: one question to the store, however many follow.
pub(super) async fn sweep(store: &dyn Store, hub: &Hub, world: &World, stop: &Stop) {
    while !stop.is_set() {
        world.pause(LOOK, stop).await;
        let followed = hub.followed();
        if followed.is_empty() {
            continue;
        }
        match store.heads(&followed).await {
            Ok(heads) => {
                let sessions = followed.into_iter().map(|(_, session)| session);
                hub.stored(sessions.zip(heads));
            }
            Err(error) => tracing::warn!(%error, "what is followed is looked for again later"),
        }
    }
}
