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

/// Every tool of the platform: one line each. They search `memory`, and take no longer than `timer`
/// allows.
pub fn registry(clock: Arc<dyn Clock>, timer: Arc<dyn Timer>, memory: Arc<dyn Memory>) -> Registry {
    Registry::new(Arc::clone(&clock), timer)
        .with(Echo)
        .with(CurrentTime::new(clock))
        .with(MemorySearch::new(memory))
}
