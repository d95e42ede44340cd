//! The simulator is the same every time, sees what it is meant to see, and finds nothing any more in
//! the runs in which it once found something.

mod binary;
mod determinism;
mod regressions;
