//! The [`World`] of flows that run on tokio: the system's clock, the runtime's timer and tasks, and
//! identifiers from the operating system's randomness. Nothing else comes with it.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use soma_inproc::InprocWake;
//! use soma_tokio::{TokioSpawner, world};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! let tasks = TokioSpawner::new(tokio::runtime::Handle::current());
//! let world = world(&tasks, Arc::new(InprocWake::new()));
//! world.spawner.spawn(Box::pin(async {}));
//!
//! let unfinished = tasks.drain(&*world.timer, Duration::from_secs(10)).await;
//! assert_eq!(unfinished, 0);
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod clock;
mod ids;
mod spawner;
mod timer;

use std::sync::Arc;

use soma_core::flows::liveness::Liveness;
use soma_core::flows::world::World;
use soma_core::ports::{Clock, Wake};

pub use clock::SystemClock;
pub use ids::RandomIds;
pub use spawner::TokioSpawner;
pub use timer::TokioTimer;

/// The real world: system time, system randomness, the runtime's timer, and tasks of `spawner`. How
/// neighbours are notified is up to the deployment: `wake`. They may be in other processes.
pub fn world(spawner: &TokioSpawner, wake: Arc<dyn Wake>) -> World {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    World {
        ids: Arc::new(RandomIds::new(Arc::clone(&clock))),
        clock,
        timer: Arc::new(TokioTimer),
        spawner: Arc::new(spawner.clone()),
        wake,
        liveness: Liveness::OF_MANY,
    }
}
