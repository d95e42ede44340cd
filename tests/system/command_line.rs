//! `soma send` and `soma chat`, as a person or a script calls them.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{http, verified};
use crate::real_clients::free_port;
use crate::soma::{Folder, Soma, binary};

fn soma(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    let (name, rest) = arguments.split_first().unwrap();
    command.args([name, "--url", url]).args(rest);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn called(url: &str, arguments: &[&str]) -> Output {
    soma(url, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_is_on_standard_output_and_its_session_beside_it() {
    let data = Folder::new("send");
    let platform = Soma::start(data.path(), &[]);

    let first = called(&platform.url, &["send", "hello \u{1b}[31mred"]);
    let session = text(&first.stderr).trim().strip_prefix("session ").unwrap().to_owned();
    let second = called(&platform.url, &["send", "--session", &session, "/long 5"]);

    assert!(text(&first.stdout).contains("You said: hello \u{1b}[31mred"), "raw in a pipe");
    assert_eq!(text(&second.stdout), "1 2 3 4 5\n");
    assert_eq!((first.status.code(), second.status.code()), (Some(0), Some(0)));
    assert_eq!(
        verified(&http(), &platform.url, &session).await.last().unwrap().message,
        "1 2 3 4 5"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_it_ends_says_why_there_is_no_answer() {
    let stub = StubModel::start(by_markers).unwrap();
    let (data, base) = (Folder::new("exit-codes"), stub.base_url());
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let platform = Soma::start(data.path(), &settings);

    let failed = called(&platform.url, &["send", "[400]"]);
    let refused = called(&platform.url, &["send", ""]);
    let unreachable = called(&format!("http://127.0.0.1:{}", free_port()), &["send", "hello"]);
    let misused = called(&platform.url, &["sned", "hello"]);

    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stdout));
    assert!(text(&failed.stdout).contains("There is no answer"), "{}", text(&failed.stdout));
    assert_eq!(refused.status.code(), Some(3));
    let why = text(&refused.stderr);
    assert!(why.contains("message: must"), "which field, and what is wrong about it: {why}");
    assert_eq!(unreachable.status.code(), Some(4));
    assert!(text(&unreachable.stderr).contains("soma up"), "{}", text(&unreachable.stderr));
    assert_eq!(misused.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader_that_has_had_enough_ends_it_quietly() {
    let data = Folder::new("closed-pipe");
    let platform = Soma::start(data.path(), &[]);
    let mut child = soma(&platform.url, &["send", "/long 200"]).spawn().unwrap();

    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 5]).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();

    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert_eq!(text(&ended.stderr).lines().count(), 1, "only the session is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_cancels_the_turn() {
    let data = Folder::new("ctrl-c");
    let platform = Soma::start(data.path(), &[]);
    let mut child = soma(&platform.url, &["send", "/long 5000"]).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 5]).unwrap();

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();

    assert_eq!(ended.status.code(), Some(130));
    let session = text(&ended.stderr).trim().strip_prefix("session ").unwrap().to_owned();
    let http = http();
    loop {
        let events = verified(&http, &platform.url, &session).await;
        if let Some(end) = events.iter().find(|event| event.kind.is_terminal()) {
            assert_eq!(end.metadata["reason"], "cancelled");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chat_answers_line_by_line_and_says_how_to_go_on() {
    let data = Folder::new("chat");
    let platform = Soma::start(data.path(), &[]);
    let mut command = soma(&platform.url, &["chat"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();

    child.stdin.take().unwrap().write_all(b"/long 3\n\n/long 4\n/quit\n").unwrap();
    let ended = child.wait_with_output().unwrap();

    let said = text(&ended.stdout);
    assert!(said.starts_with("1 2 3\n\n1 2 3 4\n\n"), "{said}");
    let advice = format!("Go on with: soma chat --url {} --session ", platform.url);
    assert!(said.contains(&advice), "{said}");
    assert_eq!(ended.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bench_tells_how_long_the_turns_took() {
    let stub = StubModel::start(by_markers).unwrap();
    let (data, base) = (Folder::new("bench"), stub.base_url());
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let platform = Soma::start(data.path(), &settings);

    let open = called(&platform.url, &["bench", "--rate", "10", "--seconds", "2", "--json"]);
    let failing = ["bench", "--sessions", "2", "--seconds", "1", "--message", "[400]"];
    let failed = called(&platform.url, &failing);
    let unreachable = called(&format!("http://127.0.0.1:{}", free_port()), &["bench"]);

    assert_eq!(open.status.code(), Some(0), "{}", text(&open.stderr));
    let told: Value = serde_json::from_slice(&open.stdout).unwrap();
    assert_eq!((&told["turns"], &told["failures"]), (&json!(20), &json!({})), "{told}");
    assert!(told["turns_per_second"].as_f64().unwrap() > 5.0, "{told}");
    let median = |part: &str| told[part]["p50"].as_f64().unwrap();
    let (accepted, first, last) =
        (median("accepted_ms"), median("first_piece_ms"), median("final_ms"));
    assert!(0.0 < accepted && 0.0 < first && first <= last, "{told}");
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains("× failed: model_error"), "{}", text(&failed.stdout));
    assert_eq!(unreachable.status.code(), Some(4));
}
