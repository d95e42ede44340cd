//! The tools that a model or a person may call, and the registry that runs them.
//!
//! A tool is one file in `src/builtin` with an `impl` of [`TypedTool`], and one line in
//! [`registry`]. Its schema, the decoding of its arguments, its time limit, the size of its answer
//! and what becomes of a panic come from the registry, the same for every tool.

mod answer;
mod builtin;
mod registry;
mod typed;

use std::sync::Arc;

use soma_core::ports::{Clock, Memory, Timer};

pub use builtin::echo::Echo;
pub use builtin::memory_search::MemorySearch;
pub use builtin::timestamp::CurrentTime;
pub use registry::Registry;
pub use typed::{Approval, Repetition, TypedTool};

/// What the tools need of the world.
#[derive(Clone)]
pub struct World {
    /// Tells the time, to tools and to the registry.
    pub clock: Arc<dyn Clock>,
    /// Ends calls that take too long.
    pub timer: Arc<dyn Timer>,
    /// What `memory_search` searches.
    pub memory: Arc<dyn Memory>,
}

soma_core::opaque_debug!(World);

/// Every tool of the platform: one line each.
pub fn registry(world: World) -> Registry {
    Registry::new(Arc::clone(&world.clock), world.timer)
        .with(Echo)
        .with(CurrentTime::new(world.clock))
        .with(MemorySearch::new(world.memory))
}
