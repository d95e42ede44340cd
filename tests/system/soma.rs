//! A running `soma up`, and what it is started with.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;

/// How long a start may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary that `tests/run` built beside the tests.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let binary = folder.join("soma");
    assert!(binary.exists(), "build it first: cargo build --workspace --all-features --bins");
    binary
}

/// A folder of its own, gone when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let unique = format!("soma-system-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `soma up` on `data`, with nothing of this process's environment but the path.
pub(crate) fn up(data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = up_again(data, settings);
    command.args(["--port", "0"]);
    command
}

/// The same, on the port of the settings.
fn up_again(data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.args(["up", "--data"]).arg(data);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.envs(settings.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running process; killed when it is dropped.
pub(crate) struct Soma {
    child: Child,
    pub(crate) url: String,
    log: Log,
}

/// What a process has logged.
type Log = Arc<Mutex<Vec<Value>>>;

impl Soma {
    /// Starts it, and waits until it says that it is up.
    pub(crate) fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::of(up(data, settings))
    }

    /// Starts it on the port that `GATEWAY_PORT` says, as it was before.
    pub(crate) fn again(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::of(up_again(data, settings))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (said, heard) = mpsc::channel();
        let log = Log::default();
        let logged = Arc::clone(&log);
        // It reads to the end, so that the pipe never fills.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(url) = entry.get("url").and_then(Value::as_str) {
                    let _ = said.send(url.to_owned());
                }
                logged.lock().unwrap().push(entry);
            }
        });
        let Ok(url) = heard.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("soma did not start: {}", words(&mut child));
        };
        Self { child, url, log }
    }

    /// How many lines it has logged as warnings that say this.
    pub(crate) fn warnings(&self, saying: &str) -> usize {
        let warnings = self.log().into_iter().filter(|entry| entry["level"] == "WARN");
        warnings.filter(|entry| entry.to_string().contains(saying)).count()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself, and returns how.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Sends SIGTERM, and returns how it ended.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Soma {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a start that fails ends, and its last words.
pub(crate) fn refusal(mut command: Command) -> (ExitStatus, String) {
    let mut child = command.spawn().unwrap();
    let status = child.wait().unwrap();
    (status, words(&mut child))
}

fn words(child: &mut Child) -> String {
    let mut words = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut words);
    words
}
