//! How an answer reaches a client without gap or repeat, and how the client can prove it.

pub mod answer;
pub mod chain;
pub mod cursor;
pub mod delta;
pub mod resume;
