//! The whole platform in the simulator: the world around it, and what must hold whatever happens.

pub mod audit;
pub mod campaign;
pub mod cast;
pub mod coverage;
pub mod pace;
pub mod platform;
pub mod run;
pub mod shrink;
pub mod stage;
pub mod watch;
