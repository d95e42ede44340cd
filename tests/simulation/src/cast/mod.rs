//! Everything outside the platform's own processes: the people, the model, the tools, the policy.

mod acts;
mod clients;
mod gateways;
mod model;
mod policy;
mod speech;
mod swarm;
#[cfg(test)]
mod tests;
mod tools;
mod view;
mod words;

pub use acts::{Act, Part};
pub use clients::{Client, Opened, Street};
pub use gateways::Gateways;
pub use model::{Calls, SimulatedModel};
pub use policy::SimulatedPolicy;
pub use swarm::Swarm;
pub use tools::{DENIED as DENIED_TOOL, Runs, SimulatedToolbox, specs};
pub use words::Words;
