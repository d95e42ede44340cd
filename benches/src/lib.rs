//! What things cost: the load harness for the whole, and what the benchmarks of the parts share
//! with it. Benchmarks, never timed tests: nothing here fails because a machine is slow.

pub mod compare;
pub mod disk;
pub mod load;
pub mod report;
pub mod samples;
