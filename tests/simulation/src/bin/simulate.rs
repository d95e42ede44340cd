//! Runs campaigns of simulations.

fn main() {}
