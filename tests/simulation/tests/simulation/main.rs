//! The simulator is the same every time, sees what it is meant to see, and finds nothing any more in
//! the runs in which it once found something.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod binary;
mod determinism;
mod regressions;
