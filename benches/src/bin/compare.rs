//! Compares two builds: `benches/compare` makes them and calls this.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for a person to read")]

use std::process::ExitCode;

use clap::Parser;
use soma_benches::compare::{Arguments, run};
use soma_runtime::report::Fatal;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    eprintln!("comparing; this takes a few minutes");
    let comparison = match run(&arguments).await {
        Ok(comparison) => comparison,
        Err(error) => return Fatal::new(error, "").report("compare"),
    };
    if !arguments.json {
        println!("{comparison}");
        return ExitCode::SUCCESS;
    }
    match serde_json::to_string_pretty(&comparison) {
        Ok(text) => println!("{text}"),
        Err(error) => return Fatal::new(error, "").report("compare"),
    }
    ExitCode::SUCCESS
}
