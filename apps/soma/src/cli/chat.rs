//! `soma chat`: a conversation in the terminal.

use std::io::{self, BufRead};
use std::process::ExitCode;

use soma_runtime::report::Fatal;

use super::send::print;
use super::{Chat, block_on};
use crate::client::{Client, Told};

const HELP: &str = "Type a message and press Enter; /quit or Ctrl-D ends.\n";

impl Chat {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        block_on(async move {
            let mut client = Client::new(&self.server.url, self.server.session)?;
            print(HELP).map_err(output)?;
            for line in io::stdin().lock().lines() {
                let line = line.map_err(|error| Fatal::new(error, ""))?;
                let message = line.trim();
                if message == "/quit" {
                    break;
                }
                if message.is_empty() {
                    continue;
                }
                if let Err(fatal) = converse(&mut client, message).await {
                    print(&format!("{}\n", fatal.text())).map_err(output)?;
                }
            }
            if let Some(session) = client.session() {
                print(&format!("\nGo on with: soma chat --session {session}\n")).map_err(output)?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

async fn converse(client: &mut Client, message: &str) -> Result<(), Fatal> {
    client.send(message).await?;
    client
        .follow(|told| match told {
            Told::Text(text) => print(&text),
            Told::Restarted => print("\n[the answer starts anew]\n"),
            Told::Tool(what) => print(&format!("\n[{what}]\n")),
            Told::Final => print("\n\n"),
            Told::Failed(why) => print(&format!("\n[{why}]\n\n")),
        })
        .await
}

fn output(error: io::Error) -> Fatal {
    Fatal::new(error, "")
}
