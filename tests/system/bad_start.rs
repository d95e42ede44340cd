//! What cannot be started says why in one line, and what to do; nothing accepted is lost by it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Follower, http, incompressible, post, say, verified};
use crate::soma::{Folder, Soma, binary, refusal, up};

/// The last words are one line that names the cause and the way out.
fn assert_refused(command: Command, parts: &[&str]) {
    let (status, words) = refusal(command);
    assert!(!status.success(), "{words}");
    assert_eq!(words.trim().lines().count(), 1, "{words}");
    for part in parts {
        assert!(words.contains(part), "{part:?} is not in {words:?}");
    }
}

#[test]
fn file_that_is_no_database_is_refused() {
    let data = Folder::new("no-database");
    fs::write(data.path().join("soma.db"), "this is not a database, ".repeat(400)).unwrap();

    assert_refused(up(data.path(), &[]), &["soma.db", "SOMA_DATA"]);
}

#[test]
fn second_instance_on_a_folder_is_refused() {
    let data = Folder::new("second");
    let _first = Soma::start(data.path(), &[]);

    assert_refused(up(data.path(), &[]), &["in use", &data.path().display().to_string()]);
}

#[test]
fn port_in_use_is_refused() {
    let data = Folder::new("port");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let mut plain = Command::new(binary());
    plain.args(["up", "--port", &port, "--data"]).arg(data.path()).env_clear();
    plain.env("HOME", "/nonexistent").stderr(std::process::Stdio::piped());
    assert_refused(plain, &[&port, "--port"]);
}

#[test]
fn folder_that_is_a_file_is_refused() {
    let data = Folder::new("file");
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();

    assert_refused(up(&file, &[]), &["not a folder", "SOMA_DATA"]);
}

#[test]
fn every_wrong_setting_is_named_at_once() {
    let data = Folder::new("settings");
    let wrong = [("GATEWAY_PORT", "x"), ("SLM_BASE_URL", "ftp://x"), ("BUDGET_LIMIT_TOKENS", "-1")];
    let mut command = up(data.path(), &wrong);
    command.env("SOMA_TENANT_ID", "a b");

    let (status, words) = refusal(command);

    assert!(!status.success());
    for name in ["GATEWAY_PORT", "SLM_BASE_URL", "BUDGET_LIMIT_TOKENS", "SOMA_TENANT_ID"] {
        assert!(words.contains(name), "{name} is not in {words}");
    }
}

#[test]
fn production_is_refused_with_what_is_missing() {
    let data = Folder::new("production");

    assert_refused(up(data.path(), &[("SOMA_AGENT_ENV", "PROD")]), &["PROD", "authentication"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_database_is_refused_and_serves_again_once_it_is_not() {
    let data = Folder::new("read-only");
    let soma = Soma::start(data.path(), &[]);
    let http = http();
    let session = say(&http, &soma.url, "keep this").await;
    assert!(soma.terminate().success());
    let file = data.path().join("soma.db");
    let may = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();

    may(0o400);
    // Root may write anywhere, so the process gives up that right.
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-all", "--inh-caps", "-all", "--reuid"]);
    let plain = up(data.path(), &[]);
    if is_root() {
        fs::set_permissions(data.path(), fs::Permissions::from_mode(0o777)).unwrap();
        for entry in fs::read_dir(data.path()).unwrap().map(Result::unwrap) {
            let mode = if entry.path() == file { 0o444 } else { 0o666 };
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
        }
        command.args(["65534", "--clear-groups", "--no-new-privs"]).arg(binary());
        command.args(["up", "--port", "0", "--data"]).arg(data.path());
        command.env_clear().env("HOME", "/nonexistent").stderr(std::process::Stdio::piped());
        assert_refused(command, &["soma.db"]);
    } else {
        assert_refused(plain, &["soma.db"]);
    }

    may(0o600);
    let soma = Soma::start(data.path(), &[]);
    assert!(Follower::new(&session).follow(&http, &soma.url).await);
    verified(&http, &soma.url, &session).await;
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_messages_and_loses_none_that_were_accepted() {
    let namespaces = ["--user", "--map-root-user", "--mount"];
    let probe = Command::new("unshare").args(namespaces).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI must allow namespaces");
        eprintln!("skipped: no namespaces, so no small file system");
        return;
    }
    let data = Folder::new("full-disk");
    // A small file system of its own, in a namespace of its own: needs no rights on the host.
    let script = format!(
        "mount -t tmpfs -o size=3m tmpfs {0} && exec {1} up --port 0 --data {0}",
        data.path().display(),
        binary().display()
    );
    let mut command = Command::new("unshare");
    // What is refused is refused by the disk.
    command.env("SOMA_MAX_WAIT_SECONDS", "86400");
    command.args(namespaces).args(["sh", "-c", &script]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let soma = Soma::of(command);
    let http = http();
    let filler = incompressible(120_000);
    let mut accepted = Vec::new();

    let refused = loop {
        let body = json!({"message": filler});
        let response = post(&http, &soma.url, &body, None).await.unwrap();
        if response.status() != StatusCode::ACCEPTED {
            break response;
        }
        let receipt: serde_json::Value = response.json().await.unwrap();
        accepted.push(receipt["session_id"].as_str().unwrap().to_owned());
        assert!(accepted.len() < 200, "the disk never fills");
    };

    let status = refused.status();
    assert!(status.is_server_error(), "{status}");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert!(problem["title"].is_string(), "{problem}");
    for session in accepted {
        let url = format!("{}/v1/sessions/{session}/history", soma.url);
        let response = http.get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "an accepted message is there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_file_is_refused() {
    let data = Folder::new("damaged");
    let soma = Soma::start(data.path(), &[]);
    let http = http();
    let session = say(&http, &soma.url, "before the damage").await;
    let mut follower = Follower::new(&session);
    assert!(follower.follow(&http, &soma.url).await);
    assert!(soma.terminate().success());
    let file = data.path().join("soma.db");
    let mut bytes = fs::read(&file).unwrap();
    let half = bytes.len() / 2;
    bytes[..200].fill(0xAA);
    bytes.truncate(half);
    fs::write(&file, bytes).unwrap();

    assert_refused(up(data.path(), &[]), &["soma.db"]);
}
