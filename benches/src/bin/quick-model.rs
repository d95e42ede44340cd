//! Serves a language model that answers at once, for `benches/stack`: `quick-model 4010`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is for a person to read")]

use std::process::ExitCode;

use soma_benches::compare::QuickModel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(port) = std::env::args().nth(1).and_then(|port| port.parse().ok()) else {
        eprintln!("usage: quick-model PORT");
        return ExitCode::FAILURE;
    };
    match QuickModel::start(port).await {
        Ok(model) => {
            println!("no language model: SLM_BASE_URL={} SLM_MODEL=quick", model.base_url);
            std::future::pending().await
        }
        Err(error) => {
            eprintln!("quick-model: cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}
