//! `soma send`: one message, one answer.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use soma_runtime::report::Fatal;

use super::{Send, block_on};
use crate::client::{Client, Told};

impl Send {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        let mut message = self.message;
        if message == "-" {
            message = String::new();
            io::stdin().read_to_string(&mut message).map_err(|error| Fatal::new(error, ""))?;
        }
        block_on(async move {
            let mut client = Client::new(&self.server.url, self.server.session)?;
            client.send(message.trim_end()).await?;
            let mut failed = false;
            client
                .follow(|told| match told {
                    Told::Text(text) => print(&text),
                    Told::Restarted => print("\n[the answer starts anew]\n"),
                    Told::Tool(_) => Ok(()),
                    Told::Final => print("\n"),
                    Told::Failed(why) => {
                        failed = true;
                        print(&format!("\n{why}\n"))
                    }
                })
                .await?;
            Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        })
    }
}

/// Writes to standard output at once.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
