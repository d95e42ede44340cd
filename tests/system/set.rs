//! A set of servers of its own, by `tests/servers`: what stops one disturbs no other test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/servers");

pub(crate) const KAFKA: &str = "SOMA_TEST_KAFKA";
pub(crate) const OPA: &str = "SOMA_TEST_OPA";
pub(crate) const POSTGRES: &str = "SOMA_TEST_POSTGRES";
pub(crate) const REDIS: &str = "SOMA_TEST_REDIS";

/// The servers, and by which variable of the environment they are found.
pub(crate) const SERVERS: [(&str, &str); 4] =
    [("kafka", KAFKA), ("opa", OPA), ("postgres", POSTGRES), ("redis", REDIS)];

/// A `tests/servers run` whose command lasts until its standard input is closed.
pub(crate) struct Set {
    pub(crate) run: Child,
    input: ChildStdin,
    environment: BTreeMap<String, String>,
}

impl Set {
    /// Starts those of `names` that the tests have. None, and a line that says so, if they have none;
    /// where nothing may be missing, that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    pub(crate) fn start(names: &[&str]) -> Option<Self> {
        let (wanted, without): (Vec<_>, Vec<_>) =
            SERVERS.into_iter().partition(|(name, variable)| {
                names.contains(name) && std::env::var_os(variable).is_some()
            });
        if wanted.is_empty() {
            assert!(std::env::var_os("CI").is_none(), "CI must have {names:?}");
            eprintln!("skipped: none of {names:?} is there; tests/run starts them");
            return None;
        }
        let mut run = Command::new(SCRIPT);
        run.args(["run", "--fast"]);
        for (name, _) in without {
            run.args(["--without", name]);
        }
        run.args(["--", "sh", "-c", "env; echo; cat; exit 7"]);
        run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut run = run.spawn().unwrap();
        let environment = BufReader::new(run.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| {
                line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            })
            .collect();
        let input = run.stdin.take().unwrap();
        Some(Self { run, input, environment })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        PathBuf::from(&self.environment["SOMA_TEST_SERVERS"])
    }

    /// The address of a server, if the set has it.
    pub(crate) fn address(&self, variable: &str) -> Option<&str> {
        self.environment.get(variable).map(String::as_str)
    }

    /// The servers of the set.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let there = SERVERS.into_iter().filter(|(_, variable)| self.address(variable).is_some());
        there.map(|(name, _)| name).collect()
    }

    pub(crate) fn control(&self, arguments: &[&str]) {
        let mut script = Command::new(SCRIPT);
        script.args(arguments).env("SOMA_TEST_SERVERS", self.folder());
        assert!(script.status().unwrap().success(), "tests/servers {arguments:?}");
    }

    /// Ends its command.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(self.input);
        self.run.wait().unwrap()
    }
}
