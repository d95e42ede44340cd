//! The platform without sockets: the services as everyone runs them, and what simulations add.

mod gateway;
mod settings;

pub use gateway::Gateway;
pub use settings::{profile, settings};
pub use soma_services::{Composition, Instance, Ports, Settings, Unit};
