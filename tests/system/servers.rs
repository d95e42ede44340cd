//! `tests/servers` itself: what the tests on real servers rely on.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use reqwest::StatusCode;
use rskafka::client::ClientBuilder;
use tokio_postgres::NoTls;

use crate::client::http;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/servers");

const KAFKA: &str = "SOMA_TEST_KAFKA";
const OPA: &str = "SOMA_TEST_OPA";
const POSTGRES: &str = "SOMA_TEST_POSTGRES";
const REDIS: &str = "SOMA_TEST_REDIS";

/// The servers, and by which variable of the environment they are found.
const SERVERS: [(&str, &str); 4] =
    [("kafka", KAFKA), ("opa", OPA), ("postgres", POSTGRES), ("redis", REDIS)];

/// A `tests/servers run` whose command lasts until its standard input is closed.
struct Set {
    run: Child,
    input: ChildStdin,
    environment: BTreeMap<String, String>,
}

impl Set {
    /// Starts those of `names` that the tests have. None, and a line that says so, if they have none;
    /// where nothing may be missing, that fails.
    #[expect(clippy::print_stderr, reason = "who runs the tests is to see what they leave out")]
    fn start(names: &[&str]) -> Option<Self> {
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

    fn folder(&self) -> PathBuf {
        PathBuf::from(&self.environment["SOMA_TEST_SERVERS"])
    }

    /// The address of a server, if the set has it.
    fn address(&self, variable: &str) -> Option<&str> {
        self.environment.get(variable).map(String::as_str)
    }

    /// The servers of the set.
    fn names(&self) -> Vec<&'static str> {
        let there = SERVERS.into_iter().filter(|(_, variable)| self.address(variable).is_some());
        there.map(|(name, _)| name).collect()
    }

    fn control(&self, arguments: &[&str]) {
        let mut script = Command::new(SCRIPT);
        script.args(arguments).env("SOMA_TEST_SERVERS", self.folder());
        assert!(script.status().unwrap().success(), "tests/servers {arguments:?}");
    }

    /// Ends its command.
    fn end(mut self) -> ExitStatus {
        drop(self.input);
        self.run.wait().unwrap()
    }
}

/// The states, as `ps` names them, of the processes that run in a folder or have it in their environment.
fn states(folder: &Path) -> Vec<char> {
    let named = format!("SOMA_TEST_SERVERS={}", folder.display());
    let concerned = |process: &Path| {
        fs::read_link(process.join("cwd")).is_ok_and(|at| at.starts_with(folder))
            || fs::read(process.join("environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|entry| entry == named.as_bytes())
            })
    };
    let state = |process: &Path| {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(|process| concerned(process)).filter_map(|process| state(&process)).collect()
}

/// Looks until something holds, and gives up after as many looks as fill half a minute.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("not in time: {what}");
}

/// What Redis answers to a command.
fn redis(url: &str, command: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("redis://").unwrap()).unwrap();
    write!(stream, "{command}\r\nQUIT\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.trim_end_matches("+OK\r\n").to_owned()
}

async fn sql(url: &str, statement: &str) -> u64 {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // The connection ends when the client is dropped.
    let statement = async move { client.execute(statement, &[]).await };
    let (rows, end) = tokio::join!(statement, connection);
    end.unwrap();
    rows.unwrap()
}

async fn topics(address: &str) -> Vec<String> {
    let client = ClientBuilder::new(vec![address.to_owned()]).build().await.unwrap();
    client.list_topics().await.unwrap().into_iter().map(|topic| topic.name).collect()
}

async fn create_topic(address: &str, name: &str) {
    let client = ClientBuilder::new(vec![address.to_owned()]).build().await.unwrap();
    client.controller_client().unwrap().create_topic(name, 3, 1, 5_000).await.unwrap();
}

async fn healthy(url: &str) -> bool {
    let answer = http().get(format!("{url}/health")).send().await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

#[test]
fn two_sets_at_once_share_nothing_and_leave_nothing() {
    let Some(one) = Set::start(&["postgres", "redis"]) else { return };
    let two = Set::start(&["postgres", "redis"]).unwrap();

    for (name, variable) in SERVERS {
        let addresses = (one.address(variable), two.address(variable));
        assert!(addresses.0.is_none() || addresses.0 != addresses.1, "{name}");
    }
    for set in [one, two] {
        let folder = set.folder();
        assert!(!states(&folder).is_empty());
        assert_eq!(set.end().code(), Some(7), "as its command did");
        assert!(!folder.exists());
        assert!(states(&folder).iter().all(|state| *state == 'Z'));
    }
}

#[test]
fn set_whose_script_is_killed_leaves_nothing() {
    let Some(mut set) = Set::start(&["postgres", "redis"]) else { return };
    let folder = set.folder();

    set.run.kill().unwrap();
    set.run.wait().unwrap();

    // A process that is dead and not yet buried by the system is none of the set's.
    until("all is gone", || !folder.exists() && states(&folder).iter().all(|state| *state == 'Z'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_killed_and_started_has_what_it_had() {
    let Some(set) = Set::start(&["kafka", "opa", "postgres", "redis"]) else { return };
    if let Some(address) = set.address(KAFKA) {
        create_topic(address, "kept").await;
    }
    if let Some(url) = set.address(POSTGRES) {
        sql(url, "CREATE TABLE kept AS SELECT 1 AS kept").await;
    }
    if let Some(url) = set.address(REDIS) {
        // Redis writes to its file when it has answered, so that a kill alone loses nothing.
        assert_eq!(redis(url, "SET kept 1"), "");
    }

    for name in set.names() {
        set.control(&["kill", name]);
        set.control(&["start", name]);
    }

    if let Some(address) = set.address(KAFKA) {
        assert_eq!(topics(address).await, ["kept"]);
    }
    if let Some(url) = set.address(OPA) {
        assert!(healthy(url).await);
    }
    if let Some(url) = set.address(POSTGRES) {
        assert_eq!(sql(url, "SELECT kept FROM kept").await, 1);
    }
    if let Some(url) = set.address(REDIS) {
        assert_eq!(redis(url, "GET kept"), "$1\r\n1\r\n");
        set.control(&["kill", "redis"]);
        set.control(&["start", "--empty", "redis"]);
        assert_eq!(redis(url, "GET kept"), "$-1\r\n");
    }
    assert_eq!(set.end().code(), Some(7));
}

#[test]
fn server_that_is_paused_stands_still_until_it_is_resumed() {
    let Some(set) = Set::start(&["postgres", "redis"]) else { return };
    for name in set.names() {
        let folder = set.folder().join(name);
        let stopped = || states(&folder).into_iter().filter(|state| *state == 'T').count();
        set.control(&["pause", name]);
        until("all stand still", || stopped() == states(&folder).len());
        set.control(&["resume", name]);
        until("all go on", || stopped() == 0);
    }
    assert_eq!(set.end().code(), Some(7));
}
