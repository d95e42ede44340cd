//! What the tests of the whole need: stand-ins for what is outside, and harnesses.

pub mod platform;
pub mod stub_model;
