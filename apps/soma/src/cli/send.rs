//! `soma send`: one message, one answer.

use std::io::{self, Read};
use std::process::ExitCode;

use soma_runtime::report::Fatal;
use tokio::signal::ctrl_c;

use super::{Send, block_on};
use crate::client::{Client, Told};
use crate::terminal::Output;
use crate::trouble::{CANCELLED, FAILED, Trouble};

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
            let answered = ask(&mut client, message.trim_end()).await;
            if let Some(session) = client.session() {
                tell_session(session);
            }
            Ok(answered.unwrap_or_else(|trouble| trouble.report()))
        })
    }
}

/// Sends the message and prints its answer. Ctrl-C cancels the turn.
async fn ask(client: &mut Client, message: &str) -> Result<ExitCode, Trouble> {
    client.send(message).await?;
    let mut output = Output::new();
    let mut code = ExitCode::SUCCESS;
    let answered = {
        let following = client.follow(|told| match told {
            Told::Text(text) => output.print(&text),
            Told::Restarted => output.print("\n[the answer starts anew]\n"),
            Told::Tool(_) => Ok(()),
            Told::Final => output.print("\n"),
            Told::Failed(why) => {
                code = ExitCode::from(FAILED);
                output.print(&format!("\n{why}\n"))
            }
        });
        tokio::select! {
            followed = following => Some(followed),
            _ = ctrl_c() => None,
        }
    };
    if let Some(followed) = answered {
        return followed.map(|()| code);
    }
    client.cancel().await?;
    Ok(ExitCode::from(CANCELLED))
}

/// On standard error, so that standard output is the answer alone.
#[expect(clippy::print_stderr, reason = "a person may want to go on")]
fn tell_session(session: &str) {
    eprintln!("session {session}");
}
