//! `soma`: the whole platform on one machine, and its command line.

use std::process::ExitCode;

/// Also what SQLite allocates by: it takes the place of the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    soma::cli::main()
}
