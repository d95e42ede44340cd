//! The same Rego, the same decisions.

use std::fs;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use soma_core::ids::{PersonaId, TenantId};
use soma_core::policy::{Action, PolicyRequest};
use soma_core::ports::{Policy, PortError};
use soma_policy::RegoPolicy;
use tempfile::TempDir;

use crate::{common, request};

const REQUESTS: usize = 10_000;

/// Values that a rule may not expect.
fn odd() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        select(&["", "admin", "DENY", "é\u{0}🦀", "\"\\</script>"][..]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-e]{1,2}", inner, 0..4).prop_map(|fields| json!(fields)),
        ]
    })
}

/// What the platform's rules look at, as they expect it and not.
fn context() -> impl Strategy<Value = Value> {
    let length = prop_oneof![
        3 => (262_140..262_150_u64).prop_map(Value::from),
        1 => (262_143.0..262_145.0_f64).prop_map(Value::from),
        1 => odd(),
    ];
    let scopes = prop_oneof![
        3 => vec(select(&["admin", "Admin", "chat", ""][..]), 0..4).prop_map(Value::from),
        1 => odd(),
        1 => btree_map("[a-c]", select(&["admin", "x"][..]), 0..3).prop_map(|map| json!(map)),
    ];
    let args = prop_oneof![
        3 => select(&["DENY", "deny", "iso"][..]).prop_map(|format| json!({ "format": format })),
        1 => odd().prop_map(|format| json!({ "format": format })),
        1 => odd(),
    ];
    let whole = (length, scopes, args, odd()).prop_map(|(length, scopes, args, metadata)| {
        json!({ "message_length": length, "scopes": scopes, "args": args, "metadata": metadata })
    });
    prop_oneof![6 => whole, 1 => odd()]
}

fn requests() -> impl Strategy<Value = PolicyRequest> {
    const TOOLS: &[&str] = &["echo", "timestamp", "memory_search", "code_execute", "message"];
    let resource = prop_oneof![4 => select(TOOLS).prop_map(str::to_owned), 1 => any::<String>()];
    let persona = proptest::option::of(Just(PersonaId::new("ada").unwrap()));
    (select(&Action::ALL[..]), resource, context(), persona).prop_map(
        |(action, resource, context, persona_id)| PolicyRequest {
            tenant: TenantId::new("acme").unwrap(),
            persona_id,
            action,
            resource,
            context,
        },
    )
}

#[tokio::test]
async fn ten_thousand_requests_get_the_same_decisions() {
    let Some(url) = common::server() else { return };
    let ours = RegoPolicy::platform().unwrap();
    let opa = common::opa(&url, "parity", &common::platform()).await;
    let (strategy, mut runner) = (requests(), TestRunner::deterministic());
    let mut allowed = 0;

    for _ in 0..REQUESTS / 500 {
        let draw = |_| strategy.new_tree(&mut runner).unwrap().current();
        let batch: Vec<PolicyRequest> = (0..500).map(draw).collect();

        let (ours, theirs) = (ours.decide(&batch).await, opa.decide(&batch).await);

        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        for ((ours, theirs), request) in ours.iter().zip(&theirs).zip(&batch) {
            // It was told the files one by one, so there is no bundle.
            assert_eq!(ours.clone().by(None), *theirs, "{request:?}");
        }
        allowed += theirs.iter().filter(|decision| decision.allow).count();
    }

    let share = 100 * allowed / REQUESTS;
    assert!((20..80).contains(&share), "{share} % allowed: that proves little");
}

#[tokio::test]
async fn fixtures_are_decided_as_they_say() {
    let Some(url) = common::server() else { return };
    let opa = common::opa(&url, "fixtures", &common::platform()).await;

    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap() {
        let path = file.unwrap().path();
        let fixture: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let request: PolicyRequest = serde_json::from_value(fixture["request"].clone()).unwrap();

        let decision = opa.decide(std::slice::from_ref(&request)).await.unwrap().remove(0);

        assert_eq!(decision.allow, fixture["allow"], "{}", path.display());
        assert_eq!(json!(decision.reasons), fixture["reasons"], "{}", path.display());
    }
}

/// Policies that leave something unsaid, or say something else than true.
#[tokio::test]
async fn policies_of_every_kind_decide_the_same_on_both() {
    let Some(url) = common::server() else { return };
    let policies = [
        "allow if input.resource == \"echo\"\nreasons contains \"b\"\nreasons contains \"a\"",
        "allow if input.resource == \"echo\"\nreasons := [\"z\", 7, \"a\", null]",
        "allow if input.resource == \"echo\"\nreasons := \"because\"",
        "allow if input.resource == \"echo\"\nreasons := {\"a\": \"b\"}",
        "allow if input.resource == \"echo\"\nreasons if false",
        "default allow := false\nreasons := []",
        "allow := {}\nreasons := []",
        "allow := \"true\"\nreasons := []",
        "allow := 1\nreasons := []",
        "allow := null\nreasons := []",
        "allow if false\nreasons := []",
    ];
    let requests = [request("echo"), request("other")];

    for (number, rules) in policies.iter().enumerate() {
        let text = format!("package soma\nimport rego.v1\n{rules}");
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("policy.rego"), &text).unwrap();
        let ours = RegoPolicy::from_folder(folder.path()).unwrap();
        let files = [("policy.rego".to_owned(), text)];
        let opa = common::opa(&url, &format!("kind{number}"), &files).await;

        let (ours, theirs) = (ours.decide(&requests).await, opa.decide(&requests).await);

        let ours = ours.unwrap().into_iter().map(|decision| decision.by(None));
        assert!(ours.eq(theirs.unwrap()), "{rules}");
    }
}

#[tokio::test]
async fn policy_that_contradicts_itself_gives_no_decision() {
    let Some(url) = common::server() else { return };
    let rules = "allow := true if input.resource == \"echo\"\n\
                 allow := false if input.resource == \"echo\"\nreasons := []";
    let files = [("policy.rego".to_owned(), format!("package soma\nimport rego.v1\n{rules}"))];
    let opa = common::opa(&url, "contradiction", &files).await;

    let error = opa.decide(&[request("other"), request("echo")]).await.unwrap_err();

    assert!(matches!(error, PortError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn package_that_is_not_there_denies_everything() {
    let Some(url) = common::server() else { return };
    let opa = common::opa(&url, "nowhere", &[]).await;

    let decision = opa.decide(&[request("echo")]).await.unwrap().remove(0);

    assert!(!decision.allow);
    assert_eq!(decision.reasons, ["policy does not allow tool.execute on echo"]);
}
