//! A running `soma up`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

use super::error::LoadError;
use super::patience::within;
use super::process::Process;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `soma up`; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Soma {
    child: Child,
    pub(crate) url: String,
    pub(crate) process: Process,
    /// Reads what it says, so that the pipe never fills.
    _listening: JoinSet<()>,
}

impl Soma {
    /// Starts the binary on `data`, with nothing of this process's environment, and waits until it
    /// says that it is up.
    pub(crate) async fn start(
        binary: &Path,
        data: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, LoadError> {
        let mut command = Command::new(binary);
        command.args(["up", "--port", "0", "--data"]).arg(data);
        command.env_clear().env("HOME", "/nonexistent").envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(LoadError::io("start soma"))?;
        let pid = child.id().ok_or(LoadError::NotStarted)?;
        let out = child.stdout.take().ok_or(LoadError::NotStarted)?;
        let mut lines = BufReader::new(out).lines();
        let url = within(PATIENCE, "soma to start", url(&mut lines)).await??;
        let mut listening = JoinSet::new();
        listening.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, url, process: Process::of(pid), _listening: listening })
    }

    /// The process's number, as long as it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(mut self) -> Result<(), LoadError> {
        let ended = within(PATIENCE, "soma to stop", self.child.wait()).await?;
        ended.map(|_| ()).map_err(LoadError::io("stop soma"))
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) -> Result<(), LoadError> {
        self.child.kill().await.map_err(LoadError::io("kill soma"))
    }
}

/// Where it says that it listens.
async fn url(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<String, LoadError> {
    while let Some(line) = lines.next_line().await.map_err(LoadError::io("read what soma says"))? {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(url) = entry["url"].as_str() {
            return Ok(url.to_owned());
        }
    }
    Err(LoadError::NotStarted)
}
