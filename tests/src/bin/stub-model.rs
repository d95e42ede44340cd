//! Serves the stub of a language model, to try by hand: `stub-model --port 4010`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for a person to watch")]

use std::process::ExitCode;

use soma_tests::stub_model::{StubModel, by_markers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(0),
        ["--port", port] => port.parse(),
        _ => return usage(),
    };
    let Ok(port) = port else { return usage() };
    match StubModel::start_on(port, by_markers) {
        Ok(stub) => {
            println!("a stub, no language model: SLM_BASE_URL={} SLM_MODEL=stub", stub.base_url());
            watch(&stub).await
        }
        Err(error) => {
            eprintln!("stub-model: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: stub-model [--port N]");
    ExitCode::FAILURE
}

/// Prints a line for each answer that has ended, without end.
async fn watch(stub: &StubModel) -> ! {
    let mut printed = 0;
    loop {
        let log = stub.until(|log| log.get(printed).is_some_and(|entry| entry.ending.is_some()));
        if let Some(entry) = log.await.get(printed) {
            println!("{:?}: {:?}, sent {:?}", entry.asked.message(), entry.ending, entry.sent);
        }
        printed += 1;
    }
}
