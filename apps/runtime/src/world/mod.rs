//! The ports that the operating system and the runtime themselves implement.

mod clock;
mod ids;
mod spawner;
mod timer;

pub use clock::SystemClock;
pub use ids::RandomIds;
pub use spawner::TokioSpawner;
pub use timer::TokioTimer;
