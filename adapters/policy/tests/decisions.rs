//! What the policies decide: the platform's own by fixtures, others by what they leave unsaid.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use soma_core::policy::{Decision, PolicyRequest};
use soma_core::ports::{Policy, PortError, PortResult};
use soma_policy::{BundleError, RegoPolicy};
use tempfile::TempDir;

fn request(resource: &str) -> PolicyRequest {
    let request = json!({
        "tenant": "public", "persona_id": null, "action": "tool.execute", "resource": resource,
        "context": {"args": {}},
    });
    serde_json::from_value(request).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn decide(rego: &str, request: &PolicyRequest) -> PortResult<Decision> {
    let folder = folder(&[("policy.rego", &format!("package soma\nimport rego.v1\n{rego}"))]);
    decide_one(&RegoPolicy::from_folder(folder.path()).unwrap(), request).await
}

async fn decide_one(policy: &RegoPolicy, request: &PolicyRequest) -> PortResult<Decision> {
    policy.decide(std::slice::from_ref(request)).await.map(|mut decisions| decisions.remove(0))
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    match RegoPolicy::from_folder(folder(files).path()).unwrap_err() {
        BundleError::Invalid(problems) => problems.iter().map(ToString::to_string).collect(),
        other @ (BundleError::Unreadable { .. } | BundleError::Empty(_)) => vec![other.to_string()],
    }
}

#[tokio::test]
async fn platform_policy_decides_every_fixture_as_it_says() {
    let policy = RegoPolicy::platform().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");

    let (mut allowed, mut denied) = (0, 0);
    for file in fs::read_dir(fixtures).unwrap() {
        let path = file.unwrap().path();
        let fixture: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let request: PolicyRequest = serde_json::from_value(fixture["request"].clone()).unwrap();

        let decision = decide_one(&policy, &request).await.unwrap();

        assert_eq!(decision.allow, fixture["allow"], "{}", path.display());
        assert_eq!(json!(decision.reasons), fixture["reasons"], "{}", path.display());
        if decision.allow { allowed += 1 } else { denied += 1 }
    }
    assert!(allowed > 0 && denied > 0);
}

#[tokio::test]
async fn decision_names_what_it_decided_and_is_the_same_again() {
    let policy = RegoPolicy::platform().unwrap();
    let request = request("echo");

    let decision = decide_one(&policy, &request).await.unwrap();

    assert_eq!(decision, Decision::new(&request, true, vec![]).by(decision.bundle));
    assert_eq!(decision, decide_one(&policy, &request).await.unwrap());
}

#[tokio::test]
async fn decision_names_the_files_that_it_was_made_by() {
    let rego = |allow| format!("package soma\nimport rego.v1\nallow := {allow}\nreasons := []\n");
    let (allows, denies) = (rego(true), rego(false));
    let bundles = [
        vec![("a.rego", &*allows)],
        vec![("a.rego", &denies)],
        vec![("b.rego", &allows)],
        vec![("a.rego", &allows), ("data.json", "{}")],
        vec![("a.rego", &allows), ("data.json", "{ }")],
    ];
    let mut seen = BTreeSet::new();

    for files in &bundles {
        let folder = folder(files);
        let ignored = [("a_test.rego", "package"), ("README.md", "ignored")];
        let digest = async || {
            let policy = RegoPolicy::from_folder(folder.path()).unwrap();
            decide_one(&policy, &request("echo")).await.unwrap().bundle.unwrap().to_string()
        };
        let before = digest().await;
        for (name, text) in ignored {
            fs::write(folder.path().join(name), text).unwrap();
        }

        assert_eq!(digest().await, before, "{files:?}");
        assert!(seen.insert(before), "{files:?}");
    }
}

#[tokio::test]
async fn platform_policy_is_the_bundle_of_its_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle");
    let (built_in, read) = (RegoPolicy::platform(), RegoPolicy::from_folder(&folder));

    let built_in = decide_one(&built_in.unwrap(), &request("echo")).await.unwrap();

    assert_eq!(built_in, decide_one(&read.unwrap(), &request("echo")).await.unwrap());
}

#[tokio::test]
async fn anything_but_true_is_a_denial_with_a_reason() {
    let rules = [
        "allow if false",
        "default allow := false",
        "allow := {}",
        "allow := \"true\"",
        "allow := 1",
        "allow := null",
    ];
    for allow in rules {
        let decision = decide(&format!("{allow}\nreasons := []"), &request("echo")).await.unwrap();

        assert!(!decision.allow, "{allow}");
        assert_eq!(decision.reasons, ["policy does not allow tool.execute on echo"], "{allow}");
    }
}

#[tokio::test]
async fn reasons_are_given_in_order_and_only_on_denial() {
    let rego =
        "allow if input.resource == \"echo\"\nreasons contains \"b\"\nreasons contains \"a\"";

    let allowed = decide(rego, &request("echo")).await.unwrap();
    let denied = decide(rego, &request("other")).await.unwrap();

    assert_eq!(allowed.reasons, Vec::<String>::new());
    assert_eq!(denied.reasons, ["a", "b"]);
}

#[tokio::test]
async fn policy_that_contradicts_itself_gives_no_decision() {
    let rego = "allow := true if input.resource == \"echo\"\n\
                allow := false if input.resource == \"echo\"\nreasons := []";

    let error = decide(rego, &request("echo")).await.unwrap_err();

    assert!(matches!(error, PortError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn data_of_a_folder_reaches_its_policy() {
    let rego = "package soma\nimport rego.v1\nallow if input.resource in data.tools\nreasons := []";
    let folder = folder(&[("a.rego", rego), ("data.json", "{\"tools\": [\"hammer\"]}")]);
    let policy = RegoPolicy::from_folder(folder.path()).unwrap();

    assert!(decide_one(&policy, &request("hammer")).await.unwrap().allow);
    assert!(!decide_one(&policy, &request("echo")).await.unwrap().allow);
}

#[test]
fn all_problems_of_a_folder_are_reported_with_file_and_line() {
    let problems = problems(&[
        ("a.rego", "package soma\nimport rego.v1\nallow {"),
        ("b.rego", "package soma\n\n\nreasons := ]"),
        ("c.json", "{"),
        ("d.rego", "package soma\nimport rego.v1\nallow if true\nreasons := []"),
    ]);

    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].contains("a.rego:3:"), "{problems:?}");
    assert!(problems[1].contains("b.rego:4:"), "{problems:?}");
    assert!(problems[2].contains("c.json"), "{problems:?}");
}

#[test]
fn tests_and_other_files_beside_a_policy_are_left_alone() {
    let rego = "package soma\nimport rego.v1\nallow if true\nreasons := []";
    let folder = folder(&[("a.rego", rego), ("a_test.rego", "not rego"), ("readme.md", "# A")]);

    assert!(RegoPolicy::from_folder(folder.path()).is_ok());
}

#[test]
fn policy_without_its_rules_is_refused() {
    let problems = problems(&[("a.rego", "package other\nallow := true")]);

    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("data.soma.allow"), "{problems:?}");
    assert!(problems[1].contains("data.soma.reasons"), "{problems:?}");
}

#[test]
fn call_of_a_function_that_does_not_exist_is_refused_with_its_line() {
    let rego = "package soma\nimport rego.v1\nallow if nothing.like_it(1)\nreasons := []";
    let problems = problems(&[("a.rego", rego)]);

    assert!(problems[0].contains("a.rego:3:"), "{problems:?}");
}

#[test]
fn folder_without_policies_is_refused_by_its_name() {
    let folder = folder(&[("readme.md", "")]);

    let error = RegoPolicy::from_folder(folder.path()).unwrap_err();

    assert_eq!(error.to_string(), format!("no .rego file in {}", folder.path().display()));
}

#[test]
fn folder_that_is_not_there_is_refused_by_its_name() {
    let error = RegoPolicy::from_folder(Path::new("/nowhere/at/all")).unwrap_err();

    assert_eq!(error.to_string(), "cannot read /nowhere/at/all");
}
