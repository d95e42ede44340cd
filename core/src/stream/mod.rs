//! How an answer reaches a client without gap or repeat, and how the client can prove it.

pub mod answer;
#[cfg(test)]
mod broadcast;
pub mod chain;
pub mod cursor;
pub mod delta;
#[cfg(test)]
mod properties;
pub mod resume;
