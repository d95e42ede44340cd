//! How an answer reaches a client without gap or repeat.

pub mod answer;
pub mod cursor;
pub mod delta;
#[cfg(test)]
mod properties;
pub mod resume;
