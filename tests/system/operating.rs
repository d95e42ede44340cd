//! What an operator sees: at a start, in the log, in the metrics, at a stop.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{http, say, verified};
use crate::soma::{Folder, Soma, binary};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_says_what_may_not_be_meant_and_no_library_says_anything() {
    let data = Folder::new("start");
    let settings = [("SOMA_BIND", "0.0.0.0"), ("SOMA_BNID", "127.0.0.1"), ("SLM_MODLE", "x")];
    let soma = Soma::start(data.path(), &settings);
    let url = soma.url.replace("0.0.0.0", "127.0.0.1");
    say(&http(), &url, "hello").await;

    for said in ["THERE IS NO LOGIN", "SOMA_BNID", "SLM_MODLE"] {
        assert_eq!(soma.warnings(said), 1, "{said}");
    }
    let targets = soma.log().into_iter().map(|it| it["target"].as_str().unwrap_or_default().into());
    let foreign: BTreeSet<String> = targets.filter(|it: &String| !it.starts_with("soma")).collect();
    assert_eq!(foreign, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_on_this_machine_only_warns_of_nothing() {
    let data = Folder::new("quiet-start");
    let soma = Soma::start(data.path(), &[("SOMA_MAX_WAITING", "100")]);
    say(&http(), &soma.url, "hello").await;

    assert_eq!(soma.warnings(""), 0, "{:?}", soma.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_that_is_set_is_answered_and_no_other() {
    let data = Folder::new("hosts");
    let soma = Soma::start(data.path(), &[("SOMA_HOSTS", "soma.example, 10.1.2.3")]);
    let http = http();
    let asked = async |host: &str, origin: &str| {
        let request = http.get(format!("{}/v1/sessions", soma.url)).header("Host", host);
        request.header("Origin", origin).send().await.unwrap().status()
    };

    for name in ["soma.example", "10.1.2.3:443", "127.0.0.1"] {
        assert_eq!(asked(name, &format!("https://{name}")).await, StatusCode::OK, "{name}");
    }
    assert_eq!(asked("other.example", "https://soma.example").await, StatusCode::FORBIDDEN);
    assert_eq!(asked("soma.example", "https://other.example").await, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_are_no_errors_of_the_server() {
    let data = Folder::new("bad-requests");
    let soma = Soma::start(data.path(), &[]);
    let address = soma.url.strip_prefix("http://").unwrap();
    let post = "POST /v1/session/message HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\n";
    for request in [
        "GARBAGE\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".into(),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        format!("{post}Content-Length: -1\r\n\r\n"),
        format!("{post}Content-Length: 100\r\n\r\n{{"),
        format!("{post}Content-Length: 1\r\n\r\n{{"),
        "GET /v1/sessions HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        // What is refused may not be read to its end.
        stream.write_all(request.as_bytes()).ok();
        stream.shutdown(std::net::Shutdown::Write).ok();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    }
    say(&http(), &soma.url, "hello").await;

    let errors: Vec<_> = soma.log().into_iter().filter(|it| it["level"] == "ERROR").collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_explained() {
    let data = Folder::new("metrics");
    let soma = Soma::start(data.path(), &[]);
    let http = http();
    let session = say(&http, &soma.url, "hello").await;
    http.get(format!("{}/nowhere", soma.url)).send().await.unwrap();
    let following = format!("{}/v1/session/{session}/events?until=final", soma.url);
    http.get(following).send().await.unwrap().bytes().await.unwrap();

    let metrics = http.get(format!("{}/metrics", soma.url)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let named = |what: &str| -> BTreeSet<String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(what));
        lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };

    assert!(named("# TYPE ").len() > 6, "{metrics}");
    assert_eq!(named("# TYPE "), named("# HELP "));
}

/// `timeout` sends its signal to the process, and then to its group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_timeout_ends_finishes_what_is_in_hand() {
    let stub = StubModel::start(by_markers).unwrap();
    let data = Folder::new("timeout");
    let base = stub.base_url();
    let mut command = Command::new("timeout");
    command.arg("4").arg(binary()).args(["up", "--port", "0", "--data"]).arg(data.path());
    command.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
    command.envs([("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let soma = Soma::of(command);
    let http = http();
    let session = say(&http, &soma.url, "[words 60] [pace 100ms]").await;

    let status = tokio::task::spawn_blocking(|| soma.ended()).await.unwrap();

    assert_eq!(status.code(), Some(124), "it was `timeout` that ended it");
    let settings = [("SLM_BASE_URL", base.as_str()), ("SLM_MODEL", "stub")];
    let soma = Soma::start(data.path(), &settings);
    let events = verified(&http, &soma.url, &session).await;
    assert!(events.iter().any(|event| event.kind.is_terminal()), "it was finished");
    assert_eq!(stub.log().len(), 1, "the model was asked once");
}
