//! What concerns a whole process: signals, logs, panics and metrics. Each case runs in a process of
//! its own: this test program, told by a variable what to do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "the other process speaks by its output")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use soma_core::flows::stop::Stop;
use soma_runtime::telemetry::{self, Logs};
use soma_runtime::{block_on, shutdown};
use tracing_subscriber::filter::{LevelFilter, Targets};

const PART: &str = "SOMA_TEST_PART";

/// What the other process does; as a test of its own it does nothing.
#[test]
#[expect(clippy::disallowed_methods, reason = "the variable says which process this is")]
fn part() {
    match std::env::var(PART).as_deref() {
        Ok("stops") => waits(Duration::ZERO),
        Ok("drains") => waits(Duration::from_secs(2)),
        Ok("hangs") => waits(Duration::MAX),
        Ok("logs") => logs(),
        _ => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "the other process waits by itself")]
fn waits(drain: Duration) {
    let stop = Stop::new();
    block_on(async {
        shutdown::stop_on_signals(stop.clone()).unwrap();
        println!("\nready");
        stop.wait().await;
        println!("stopped");
        std::thread::sleep(drain);
    })
    .unwrap();
}

fn logs() {
    let filter = Targets::new().with_default(LevelFilter::INFO);
    println!();
    let metrics = telemetry::init(&filter, Logs::Json, "test").unwrap();
    assert!(telemetry::init(&filter, Logs::Json, "test").is_err());
    metrics::counter!("soma_test_total").increment(2);
    metrics::histogram!("soma_test_seconds").record(0.3);
    tracing::info!(target: "soma_test", turn = 7, "measured {}", metrics.render());
    tracing::debug!(target: "soma_test", "not shown");
    others();
    let secret = "sk-secret";
    let _ = std::panic::catch_unwind(|| panic!("a literal"));
    let _ = std::panic::catch_unwind(|| panic!("put together with {secret}"));
}

/// What libraries of others say.
fn others() {
    tracing::info!(target: "actix_server::builder", "nobody asked");
    tracing::error!(target: "actix_http::h1::dispatcher", "stream error: request parse error");
    tracing::warn!(target: "hyper", "shown");
}

fn command(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "part", "--nocapture", "--test-threads=1"]).env(PART, part);
    command
}

fn start(part: &str) -> (Child, BufReader<impl Read + use<>>) {
    let mut child = command(part).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

fn read_until(output: &mut impl BufRead, line: &str) {
    let found = output.lines().map(Result::unwrap).any(|said| said == line);
    assert!(found, "the process never said {line:?}");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

#[test]
fn either_signal_stops_in_order() {
    for name in ["TERM", "INT"] {
        let (mut child, mut output) = start("stops");
        read_until(&mut output, "ready");

        signal(&child, name);

        read_until(&mut output, "stopped");
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

/// So does `timeout` end what it runs.
#[test]
fn signal_that_comes_twice_at_once_is_one() {
    for name in ["TERM", "INT"] {
        let (mut child, mut output) = start("drains");
        read_until(&mut output, "ready");

        signal(&child, name);
        signal(&child, name);

        read_until(&mut output, "stopped");
        assert!(child.wait().unwrap().success(), "{name}");
    }
}

#[test]
fn same_signal_a_while_later_ends_at_once() {
    let (mut child, mut output) = start("hangs");
    read_until(&mut output, "ready");
    signal(&child, "TERM");
    read_until(&mut output, "stopped");

    #[expect(clippy::disallowed_methods, reason = "the other process is in real time")]
    std::thread::sleep(Duration::from_secs(1));
    signal(&child, "TERM");

    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn second_signal_ends_at_once() {
    let (mut child, mut output) = start("hangs");
    read_until(&mut output, "ready");
    signal(&child, "TERM");
    read_until(&mut output, "stopped");

    signal(&child, "INT");

    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn logs_are_json_lines_and_panics_are_logged_without_data() {
    let Output { stdout, stderr, status } = command("logs").output().unwrap();
    let text = String::from_utf8(stdout).unwrap();
    let lines: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();

    assert!(status.success(), "{text}");
    let [measured, warned, literal, together] = &lines[..] else { panic!("{text}") };
    assert_eq!((&warned["level"], &warned["target"]), (&"WARN".into(), &"hyper".into()));
    assert_eq!((&measured["level"], &measured["turn"]), (&Value::from("INFO"), &Value::from(7)));
    let metrics = measured["message"].as_str().unwrap();
    assert!(metrics.contains("soma_test_total 2"), "{metrics}");
    assert!(metrics.contains("soma_test_seconds_bucket{le=\"0.5\"} 1"), "{metrics}");
    assert_eq!((&literal["level"], &literal["panic"]), (&"ERROR".into(), &"a literal".into()));
    assert_eq!(together["panic"], "(not shown: it may hold data)");
    assert!(!text.contains("sk-secret"), "{text}");
    assert!(!String::from_utf8(stderr).unwrap().contains("sk-secret"));
}
