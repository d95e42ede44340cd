//! What the tests of the whole need: stand-ins for what is outside, and harnesses.

pub mod fault_proxy;
mod http;
pub mod otlp;
pub mod platform;
pub mod somabrain;
pub mod stub_model;
