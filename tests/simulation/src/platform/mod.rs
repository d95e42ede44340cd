//! The platform without sockets: the services of all six binaries, and the ports they need.

mod gateway;
mod ports;
mod services;
mod unit;

pub use gateway::Gateway;
pub use ports::Ports;
pub use services::{Settings, service};
pub use unit::{Instance, Unit};
