//! The ports that the operating system and the runtime themselves implement.

mod clock;
mod ids;
mod spawner;
mod timer;

use std::sync::Arc;

use soma_core::flows::world::World;
use soma_core::ports::{Clock, Wake};

pub use clock::SystemClock;
pub use ids::RandomIds;
pub use spawner::TokioSpawner;
pub use timer::TokioTimer;

/// The real world, for flows that run on tokio: system time, system randomness, the runtime's timer
/// and tasks.
pub fn world(spawner: &TokioSpawner, wake: Arc<dyn Wake>) -> World {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    World {
        ids: Arc::new(RandomIds::new(Arc::clone(&clock))),
        clock,
        timer: Arc::new(TokioTimer),
        spawner: Arc::new(spawner.clone()),
        wake,
    }
}
