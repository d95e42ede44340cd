//! What is said: events, the analysis of a message, escalation, the window of history, the prompt.

pub mod analysis;
pub mod escalation;
pub mod event;
pub mod model;
pub mod prompt;
#[cfg(test)]
mod properties;
pub mod window;
