//! The use cases: one file each. A flow asks the rules what to do and the ports to do it.

pub mod stop;
