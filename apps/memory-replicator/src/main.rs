//! `soma-memory-replicator`: one of the six services of the platform.

use std::process::ExitCode;

use soma_services::Unit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    soma_stack::main(Unit::Replicator)
}
