//! `soma`: the whole platform on one machine, and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    soma::cli::main()
}
