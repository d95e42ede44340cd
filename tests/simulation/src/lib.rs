//! The whole platform in the simulator: the world around it, and what must hold whatever happens.

pub mod platform;
