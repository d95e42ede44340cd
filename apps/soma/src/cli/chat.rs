//! `soma chat`: a conversation in the terminal.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use soma_runtime::report::Fatal;
use tokio::signal::ctrl_c;

use super::{Chat, block_on};
use crate::client::{Client, Told};
use crate::terminal::Output;
use crate::trouble::{CANCELLED, FAILED, Trouble};

const HELP: &str = "Type a message and press Enter; the arrows bring back earlier ones. \
    Ctrl-C stops an answer; /quit or Ctrl-D ends.\n";
const PROMPT: &str = "> ";

impl Chat {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        block_on(async move {
            let url = self.server.url;
            let client = Client::new(&url, self.server.session)?;
            let mut chat = Talk { client, output: Output::new(), code: ExitCode::SUCCESS };
            match chat.run(&url).await {
                Ok(()) => Ok(chat.code),
                Err(trouble) => Ok(trouble.report()),
            }
        })
    }
}

/// A conversation.
struct Talk {
    client: Client,
    output: Output,
    /// How the last message went.
    code: ExitCode,
}

impl Talk {
    async fn run(&mut self, url: &str) -> Result<(), Trouble> {
        let mut lines = Lines::new()?;
        if lines.are_edited() {
            self.output.print(HELP)?;
        }
        while let Some(line) = lines.next()? {
            match line.trim() {
                "/quit" => break,
                "" => {}
                message => self.converse(message).await?,
            }
        }
        if let Some(session) = self.client.session() {
            let advice = format!("\nGo on with: soma chat --url {url} --session {session}\n");
            self.output.print(&advice)?;
        }
        Ok(())
    }

    /// One message and its answer. What goes wrong is told, and the conversation goes on, unless nothing
    /// can be told any more.
    async fn converse(&mut self, message: &str) -> Result<(), Trouble> {
        self.code = match self.answer(message).await {
            Ok(code) => code,
            Err(Trouble::Output(error)) => return Err(error.into()),
            Err(trouble) => trouble.report(),
        };
        Ok(())
    }

    async fn answer(&mut self, message: &str) -> Result<ExitCode, Trouble> {
        self.client.send(message).await?;
        let (output, mut code) = (&mut self.output, ExitCode::SUCCESS);
        let mut cancelled = false;
        loop {
            let following = self.client.follow(|told| match told {
                Told::Text(text) => output.print(&text),
                Told::Restarted => output.print("\n[the answer starts anew]\n"),
                Told::Tool(what) => output.print(&format!("\n[{what}]\n")),
                Told::Final => output.print("\n\n"),
                Told::Failed(why) => {
                    code = ExitCode::from(FAILED);
                    output.print(&format!("\n[{why}]\n\n"))
                }
            });
            tokio::select! {
                followed = following => return followed.map(|()| code),
                _ = ctrl_c() => {}
            }
            if cancelled {
                return Ok(ExitCode::from(CANCELLED));
            }
            // Its end is told as any other.
            cancelled = true;
            self.client.cancel().await?;
        }
    }
}

/// What a person types, or a program sends.
enum Lines {
    Edited(Box<DefaultEditor>),
    Read(io::Lines<io::StdinLock<'static>>),
}

impl Lines {
    fn new() -> io::Result<Self> {
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            return DefaultEditor::new().map(Box::new).map(Self::Edited).map_err(io::Error::other);
        }
        Ok(Self::Read(io::stdin().lines()))
    }

    const fn are_edited(&self) -> bool {
        matches!(self, Self::Edited(_))
    }

    /// The next line; none at the end.
    fn next(&mut self) -> io::Result<Option<String>> {
        match self {
            Self::Read(lines) => lines.next().transpose(),
            Self::Edited(editor) => loop {
                match editor.readline(PROMPT) {
                    Ok(line) => {
                        let _ = editor.add_history_entry(line.as_str());
                        return Ok(Some(line));
                    }
                    // Of a line that was not sent nothing is left.
                    Err(ReadlineError::Interrupted) => {}
                    Err(ReadlineError::Eof) => return Ok(None),
                    Err(error) => return Err(io::Error::other(error)),
                }
            },
        }
    }
}
