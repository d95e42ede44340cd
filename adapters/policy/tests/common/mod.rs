//! What the tests on a real OPA share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use soma_policy::{OpaConfig, OpaPolicy};

/// The address of the server, `http://HOST:PORT`. Where there is none a test is skipped on a laptop, and
/// fails in CI.
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "tests have no settings")]
pub(crate) fn server() -> Option<String> {
    let url = std::env::var("SOMA_TEST_OPA").ok();
    if url.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have an OPA: SOMA_TEST_OPA");
        eprintln!("skipped: SOMA_TEST_OPA names no server");
    }
    url
}

/// The files of the platform's own policy, `soma.rego` last: OPA wants what it refers to before.
pub(crate) fn platform() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort_by_key(|(name, _)| (name == "soma.rego", name.clone()));
    files
}

/// The engine at `url` with `files`, which it is given in a package of their own.
pub(crate) async fn opa(url: &str, package: &str, files: &[(String, String)]) -> OpaPolicy {
    let policy = OpaConfig {
        package: package.into(),
        timeout: Duration::from_secs(30),
        ..OpaConfig::at(url)
    };
    // It makes a provider of TLS, which every client needs.
    let policy = OpaPolicy::new(&policy).unwrap();
    let client = Client::builder().build().unwrap();
    for (name, text) in files {
        let text = text.replace("package soma\n", &format!("package {package}\n"));
        let put = client.put(format!("{url}/v1/policies/{package}/{name}")).body(text);
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{name}: {}", answer.text().await.unwrap());
    }
    policy
}
