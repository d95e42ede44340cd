//! The policy engine in process: Rego by `regorus`, with the platform's own bundle or a folder's.

mod bundle;
mod engine;

pub use bundle::{BundleError, Problem};
pub use engine::RegoPolicy;
