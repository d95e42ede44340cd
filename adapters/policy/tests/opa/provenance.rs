//! By which bundle OPA decides.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::json;
use soma_core::digest::Digest32;
use soma_core::ports::Policy;
use soma_policy::{OpaConfig, OpaPolicy, RegoPolicy};
use tempfile::TempDir;

use crate::trouble::{decided, http, stub};
use crate::{common, request};

/// A server of its own, which has loaded bundles.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// None if there is no program to run.
    #[expect(clippy::disallowed_methods, reason = "tests have no settings, and wait for a process")]
    async fn start(bundles: &[&Path]) -> Option<Self> {
        common::server()?;
        let set = std::env::var_os("SOMA_TEST_SERVERS").map(PathBuf::from);
        let program = set.map(|set| set.join("opa/opa")).filter(|program| program.exists());
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let started = Command::new(program.unwrap_or_else(|| "opa".into()))
            .args(["run", "--server", "--disable-telemetry", "--log-level", "error"])
            .args(["--addr", &free.to_string(), "--bundle"])
            .args(bundles)
            .spawn();
        let process = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(std::env::var_os("CI").is_none(), "CI must have the program `opa`");
                return None;
            }
            process => process.unwrap(),
        };
        let server = Self { process, url: format!("http://{free}") };
        let (policy, began) = (server.policy(), Instant::now());
        while policy.decide(&[request("echo")]).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "OPA does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(server)
    }

    fn policy(&self) -> OpaPolicy {
        let timeout = Duration::from_secs(30);
        OpaPolicy::new(&OpaConfig { timeout, ..OpaConfig::at(&self.url) }).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The platform's own policy as a bundle with this revision.
fn bundle(revision: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in common::platform() {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let manifest = json!({ "revision": revision, "roots": ["soma"] });
    fs::write(folder.path().join(".manifest"), manifest.to_string()).unwrap();
    folder
}

/// A bundle of something else, with this revision.
fn another(revision: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let manifest = json!({ "revision": revision, "roots": ["another"] });
    fs::write(folder.path().join(".manifest"), manifest.to_string()).unwrap();
    fs::write(folder.path().join("data.json"), "{\"another\": {}}").unwrap();
    folder
}

#[tokio::test]
async fn revision_that_is_a_digest_is_in_the_decision_as_in_that_of_the_process() {
    let ours = RegoPolicy::platform().unwrap();
    let requests = [request("echo"), request("code_execute")];
    let ours = ours.decide(&requests).await.unwrap();
    let (bundle, another) = (bundle(&ours[0].bundle.unwrap().to_string()), another("2026-11"));
    let Some(server) = Server::start(&[bundle.path(), another.path()]).await else { return };

    assert_eq!(server.policy().decide(&requests).await.unwrap(), ours);
}

#[tokio::test]
async fn revision_that_is_something_else_is_no_digest() {
    let bundle = bundle("v7");
    let Some(server) = Server::start(&[bundle.path()]).await else { return };

    let decisions = server.policy().decide(&[request("echo"), request("code_execute")]).await;

    assert!(decisions.unwrap().iter().all(|decision| decision.bundle.is_none()));
}

#[tokio::test]
async fn digest_is_read_from_every_form_of_provenance() {
    let (one, other) = (Digest32::of(b"one"), Digest32::of(b"other"));
    let named = |revision: &str| json!({ "revision": revision });
    let cases = [
        (json!({}), None),
        (json!({"version": "1.9.0", "bundles": {}}), None),
        (json!({"bundles": {"a": {}}}), None),
        (json!({"bundles": {"a": one}}), None),
        (json!({"revision": 7}), None),
        (json!({"revision": one}), Some(one)),
        (json!({"bundles": {"a": named(&one.to_string())}}), Some(one)),
        (json!({"bundles": {"a": named(&one.to_string().to_uppercase())}}), None),
        (json!({"bundles": {"a": named("7"), "b": named(&one.to_string())}}), Some(one)),
        (json!({"bundles": {"a": {"revision": one}, "b": {"revision": other}}}), None),
    ];

    for (provenance, expected) in cases {
        for result in [true, false] {
            let body = json!({ "result": result, "provenance": provenance });
            let decision = decided(stub(http("200 OK", &body.to_string())).await).await.unwrap();

            assert_eq!((decision.allow, decision.bundle), (result, expected), "{provenance}");
        }
    }
}
