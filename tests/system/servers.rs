//! `tests/servers` itself: what the tests on real servers rely on.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use reqwest::StatusCode;
use rskafka::client::ClientBuilder;
use tokio_postgres::NoTls;

use crate::client::http;
use crate::set::{KAFKA, OPA, POSTGRES, REDIS, SERVERS, Set};

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
