//! The policy engine: Rego by `regorus`, within the process, with the platform's own bundle or a
//! folder's; or the same Rego on an OPA server.

mod bundle;
mod engine;
mod opa;
mod reasons;

pub use bundle::{BundleError, Problem};
pub use engine::RegoPolicy;
pub use opa::{BadOpaConfig, OpaConfig, OpaPolicy};
