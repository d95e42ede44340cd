//! The command line.

mod bench;
mod chat;
mod dlq;
mod send;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, value_parser};
use soma_runtime::report::Fatal;

/// A conversation platform that loses nothing: gateway, workers, memory, in one process.
#[derive(Debug, Parser)]
#[command(name = "soma", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "How it ends: 0 all went well; 1 it failed, or there is no answer; 2 it was \
    called in a way that makes no sense; 3 the gateway refused; 4 the gateway cannot be reached; \
    130 the answer was cancelled by Ctrl-C.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole platform on this machine; its data is one folder.
    Up(Up),
    /// Talk to a running platform in the terminal.
    Chat(Chat),
    /// Send one message to a running platform and print the answer.
    Send(Send),
    /// See, redrive or drop what a running platform has set aside.
    Dlq(dlq::Dlq),
    /// Put a running platform under load, and tell how long its answers take.
    Bench(Bench),
}

#[derive(Debug, Args)]
struct Up {
    /// The port to listen on; 0 takes any free one [default: 20016]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// The folder of all data [default: soma in the XDG data folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Where the platform is.
#[derive(Clone, Debug, Args)]
struct Server {
    /// The gateway's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:20016")]
    url: String,
    /// The session to go on with
    #[arg(long, value_name = "ID")]
    session: Option<String>,
}

#[derive(Debug, Args)]
struct Chat {
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
struct Send {
    #[command(flatten)]
    server: Server,
    /// The message; `-` reads it from standard input
    message: String,
}

#[derive(Debug, Args)]
struct Bench {
    /// The gateway's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:20016")]
    url: String,
    /// Turns that are due in a second, whatever became of those before; without it each client says the
    /// next as soon as it has its answer
    #[arg(long, value_name = "TURNS_PER_SECOND", value_parser = value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Clients, each with a session and a stream of its own [default: 16; with --rate one for each turn of
    /// a second, at most 256]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    sessions: Option<u32>,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..))]
    seconds: u32,
    /// What each client says
    #[arg(long, value_name = "TEXT", default_value = "hello")]
    message: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(up) => up.run(),
        Command::Chat(chat) => chat.run(),
        Command::Send(send) => send.run(),
        Command::Dlq(dlq) => dlq.run(),
        Command::Bench(bench) => bench.run(),
    };
    match done {
        Ok(code) => code,
        Err(fatal) => fatal.report("soma"),
    }
}

/// Runs a command on a runtime.
fn block_on<F>(program: F) -> Result<ExitCode, Fatal>
where
    F: Future<Output = Result<ExitCode, Fatal>>,
{
    soma_runtime::block_on(program).map_err(|error| Fatal::new(error, ""))?
}
