//! What is said: events, the chain over them, the analysis of a message, escalation, the window
//! of history.

pub mod analysis;
pub mod chain;
pub mod escalation;
pub mod event;
pub mod model;
pub mod profile;
#[cfg(test)]
mod properties;
pub mod window;
