//! What `tests/run` installed for these tests, in a cache outside the repository: client packages and
//! model servers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The client packages, with the programs of `tests/clients` beside them: `tests/run` says where. None,
/// and a line that says so, if they are not there; where nothing may be missing, that fails.
pub(crate) fn clients() -> Option<PathBuf> {
    installed("SOMA_TEST_CLIENTS", "client packages")
}

/// The model servers, as [`clients`].
pub(crate) fn models() -> Option<PathBuf> {
    installed("SOMA_TEST_MODELS", "model servers")
}

#[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("installed").exists());
    if folder.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have the {what}");
        eprintln!("skipped: no {what}; tests/run installs them");
    }
    folder
}

/// A program of `tests/clients`, by the language it is written in.
pub(crate) fn program(clients: &Path, name: &str) -> Command {
    let mut command = match Path::new(name).extension().and_then(|it| it.to_str()) {
        Some("mjs") => Command::new("node"),
        Some("py") => Command::new(clients.join("python/bin/python")),
        _ => Command::new(clients.join(name)),
    };
    if name.contains('.') {
        command.arg(name);
    }
    command.current_dir(clients).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
