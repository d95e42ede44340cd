//! A disk that fills up while the platform runs, and has room again.
//!
//! The disk is a `tmpfs` in a mount namespace of its own, which needs no rights where the system lets
//! anyone make user namespaces; elsewhere these tests say that they were skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::client::{Follower, http, incompressible, post, say, verified};
use crate::soma::{Folder, Soma, binary, refusal};

const PATIENCE: Duration = Duration::from_secs(30);
/// How often what writes by itself has failed before there is room again: each of the groups that share
/// leases out several times, and whoever works for them no less often.
const TRIES: usize = 30;

/// `soma up` on a disk of so many KiB, mounted on `folder` for it alone; `fill` is run before.
fn up_on_small_disk(folder: &Path, kib: u32, fill: &str) -> Command {
    let mut command = Command::new("unshare");
    let script = format!(
        "mount -t tmpfs -o size={kib}k none \"$0\" && {{ {fill}\n}}; exec \"$1\" up --port 0 --data \"$0\""
    );
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command.arg(folder).arg(binary());
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/nonexistent");
    // What is refused is refused by the disk.
    command.env("SOMA_MAX_WAIT_SECONDS", "86400");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whether the system lets us mount a disk.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was skipped")]
fn can_mount() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]);
    let can = probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: this system lets nobody mount a disk in a namespace");
    }
    can
}

/// The folder as the process sees it.
fn inside(soma: &Soma, folder: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", soma.pid()));
    root.join(folder.strip_prefix("/").unwrap())
}

/// Takes all the room that is left.
fn fill(disk: &Path) {
    let mut size = 1 << 20;
    let mut number = 0;
    while size > 0 {
        let file = disk.join(format!("filler-{number}"));
        number += 1;
        if fs::write(&file, vec![b'x'; size]).is_err() {
            size /= 2;
        }
    }
}

fn make_room(disk: &Path) {
    for entry in fs::read_dir(disk).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("filler-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

async fn get(http: &reqwest::Client, url: &str, path: &str) -> Response {
    http.get(format!("{url}{path}")).send().await.unwrap()
}

async fn health(http: &reqwest::Client, url: &str) -> Value {
    get(http, url, "/v1/health").await.json().await.unwrap()
}

/// Posts until it is refused, and returns the refusal and what was accepted before.
async fn post_until_refused(http: &reqwest::Client, url: &str) -> (Response, Vec<String>) {
    let mut sessions = Vec::new();
    for _ in 0..200 {
        let message = json!({"message": incompressible(60_000)});
        let response = post(http, url, &message, None).await.unwrap();
        if response.status() != StatusCode::ACCEPTED {
            return (response, sessions);
        }
        let receipt: Value = response.json().await.unwrap();
        sessions.push(receipt["session_id"].as_str().unwrap().to_owned());
    }
    panic!("the disk is not full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_refuses_for_now_loses_nothing_and_goes_on_when_there_is_room() {
    if !can_mount() {
        return;
    }
    let folder = Folder::new("full-disk");
    let soma = Soma::of(up_on_small_disk(folder.path(), 16 * 1_024, ":"));
    let (http, disk) = (http(), inside(&soma, folder.path()));
    let before = say(&http, &soma.url, "before").await;
    assert!(Follower::new(&before).follow(&http, &soma.url).await);

    fill(&disk);
    let (refused, accepted) = post_until_refused(&http, &soma.url).await;

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("Retry-After"));
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/unavailable");
    let report = health(&http, &soma.url).await;
    assert_eq!(report["status"], "down", "{report}");
    assert_eq!(report["components"]["database"]["detail"], "the disk is full", "{report}");
    let ready = get(&http, &soma.url, "/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["detail"], "the disk is full");
    assert_eq!(get(&http, &soma.url, "/healthz").await.status(), StatusCode::OK);

    let tried = async {
        while soma.warnings("sharing out is tried again") < TRIES {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, tried).await.unwrap();
    make_room(&disk);
    let after = answered(&http, &soma.url).await;

    for session in accepted.iter().chain([&before, &after]) {
        let followed = async { while !Follower::new(session).follow(&http, &soma.url).await {} };
        tokio::time::timeout(PATIENCE, followed).await.unwrap();
        verified(&http, &soma.url, session).await;
    }
    let metrics = get(&http, &soma.url, "/metrics").await.text().await.unwrap();
    assert!(metrics.contains("conversation_worker_messages_total"), "{metrics}");
    assert!(!metrics.contains("dead_letters_total"), "nothing is set aside for a full disk");
    let well = async {
        while get(&http, &soma.url, "/readyz").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, well).await.unwrap();
    assert_eq!(health(&http, &soma.url).await["components"]["database"]["status"], "ok");
}

/// Says something until it is accepted again, and waits for its answer.
async fn answered(http: &reqwest::Client, url: &str) -> String {
    let said = async {
        loop {
            let response = post(http, url, &json!({"message": "after"}), None).await.unwrap();
            if response.status() == StatusCode::ACCEPTED {
                let receipt: Value = response.json().await.unwrap();
                break receipt["session_id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, said).await.unwrap()
}

#[test]
fn start_on_a_full_disk_says_to_make_room() {
    if !can_mount() {
        return;
    }
    let folder = Folder::new("full-start");
    for (kib, fill) in [(64, ":"), (2_048, "head -c 8m /dev/zero > \"$0/filler\" 2>/dev/null")] {
        let (status, words) = refusal(up_on_small_disk(folder.path(), kib, fill));

        assert!(!status.success(), "{words}");
        assert_eq!(words.trim().lines().count(), 1, "{words}");
        assert!(words.contains("full") || words.contains("No space left"), "{words}");
        assert!(words.contains("make room"), "{words}");
    }
}
