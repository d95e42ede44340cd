//! Serves the double of SomaBrain, to try by hand: `somabrain-double --dialect g4 --port 9696`. With
//! `--keep N` it forgets what is more than so many memories.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for a person to watch")]

use std::process::ExitCode;

use soma_tests::somabrain::{Generation, SomaBrain};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut port, mut generation, mut keep) = (Some(0), Some(Generation::G4), Some(usize::MAX));
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match name.as_str() {
            "--port" => port = value.parse().ok(),
            "--dialect" => generation = value.parse().ok(),
            "--keep" => keep = value.parse().ok(),
            _ => port = None,
        }
    }
    let (Some(port), Some(generation), Some(keep)) = (port, generation, keep) else {
        eprintln!("usage: somabrain-double [--port N] [--dialect g0|g1|g2|g3|g4] [--keep N]");
        return ExitCode::FAILURE;
    };
    match SomaBrain::start_on(port, generation) {
        Ok(double) => {
            double.keep(keep);
            println!("a double, no SomaBrain, {generation:?}: SOMA_BASE_URL={}", double.base_url());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("somabrain-double: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}
