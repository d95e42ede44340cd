//! The load harness: `cargo run --release -p soma-benches --bin load`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for a person to read")]

use std::process::ExitCode;

use clap::Parser;
use soma_benches::load::{Arguments, run};
use soma_runtime::report::Fatal;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    eprintln!("measuring; this takes about two minutes");
    let report = match run(&arguments).await {
        Ok(report) => report,
        Err(error) => return Fatal::new(error, "").report("load"),
    };
    if !arguments.json {
        println!("{report}");
        return ExitCode::SUCCESS;
    }
    match serde_json::to_string_pretty(&report) {
        Ok(text) => println!("{text}"),
        Err(error) => return Fatal::new(error, "").report("load"),
    }
    ExitCode::SUCCESS
}
