//! Time, chance, tasks and notifications without an operating system: the same every time they are run.

mod clock;
mod ids;
mod spawner;
mod wake;

pub use clock::{ManualClock, ManualTimer};
pub use ids::CountingIds;
pub use spawner::LocalSpawner;
pub use wake::InprocWake;
