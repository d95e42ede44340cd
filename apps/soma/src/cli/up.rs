//! `soma up`: the whole platform on this machine.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use soma_core::flows::stop::Stop;
use soma_runtime::config::{Config, process_env, process_variables, unknown};
use soma_runtime::data_dir::DataDir;
use soma_runtime::report::Fatal;
use soma_runtime::shutdown::stop_on_signals;
use soma_runtime::telemetry::{self, Logs};

use super::{Up, block_on};
use crate::embedded::Embedded;

impl Up {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        let mut config = Config::load(&process_env)?;
        config.embeddable()?;
        config.port = self.port.unwrap_or(config.port);
        config.data = self.data.unwrap_or(config.data);
        let metrics = telemetry::init(&config.log, Logs::of_service(), "soma")?;
        block_on(async move {
            let folder = DataDir::open(&config.data)?;
            let address = SocketAddr::new(config.bind, config.port);
            let listener = soma_assembly::listen(address, "with --port N or SOMA_BIND")?;
            let address = listener.local_addr().map_err(|error| Fatal::new(error, ""))?;
            let stop = Stop::new();
            stop_on_signals(stop.clone()).map_err(|error| Fatal::new(error, ""))?;
            let render = Arc::new(move || metrics.render());
            let soma = Embedded::start(&config, folder.path(), listener, render).await?;
            announce(address, folder.path(), soma.model());
            warn(address);
            stop.wait().await;
            soma.stop().await;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Says where to click, where the data is and which model answers.
fn announce(address: SocketAddr, folder: &Path, model: &str) {
    let folder = folder.display();
    if !io::stdout().is_terminal() {
        tracing::info!(url = %format!("http://{address}"), data = %folder, model, "soma is up");
        return;
    }
    // A terminal that went away is no reason to stop.
    let _ = writeln!(
        io::stdout(),
        "\n  Soma is up.\n\n  page    http://{address}\n  data    {folder}\n  model   {model}\n\n  \
         Talk to it here: soma chat --url http://{address}\n  Stop it with Ctrl-C.\n"
    );
}

/// Says what a person may not have meant.
fn warn(address: SocketAddr) {
    for it in unknown(process_variables()) {
        let (variable, meant) = (it.variable, it.meant.unwrap_or("nothing that is known"));
        tracing::warn!(variable, meant, "a variable of the environment is no setting, and ignored");
    }
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "THERE IS NO LOGIN: whoever reaches this address reads, writes and deletes every \
             conversation and runs the tools. Set SOMA_BIND=127.0.0.1, or see that only those who \
             may do that can reach it. Clients must call it by its address or a name in SOMA_HOSTS"
        );
    }
}
