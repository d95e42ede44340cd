//! What the registry does for every tool.

use std::sync::Arc;
use std::time::Duration;

use crate::world::{AtOnce, Endless, Never, NoArgs, Noon, Noted, call, context, platform};
use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::{Value, json};
use soma_core::ports::Toolbox as _;
use soma_core::ports::tool::{ToolContext, ToolError};
use soma_core::tool::{ToolOutcome, ToolSpec, ToolStatus};
use soma_tools::{Approval, Registry, Repetition, TypedTool};

/// A tool that does what the test asks for.
struct Scripted(fn() -> Result<Value, ToolError>);

#[async_trait]
impl TypedTool for Scripted {
    const NAME: &'static str = "scripted";
    const DESCRIPTION: &'static str = "Does what the test asks for.";
    const REPETITION: Repetition = Repetition::Harmful;
    const APPROVAL: Approval = Approval::Needed;
    const TIMEOUT: Duration = Duration::from_secs(7);

    type Args = NoArgs;
    type Output = Value;

    async fn call(&self, _: &ToolContext, _: NoArgs) -> Result<Value, ToolError> {
        (self.0)()
    }
}

async fn run(script: fn() -> Result<Value, ToolError>) -> ToolOutcome {
    let registry = Registry::new(Arc::new(Noon), Arc::new(Never)).with(Scripted(script));
    registry.run(&context(), &call("scripted", "{}")).await
}

fn specs(registry: &Registry) -> Vec<ToolSpec> {
    registry.specs(&context().tenant).now_or_never().unwrap().unwrap()
}

fn all() -> Registry {
    platform(Arc::new(Noted::default()))
}

#[test]
fn every_tool_has_a_valid_name_and_the_schema_of_an_object() {
    for spec in specs(&all()) {
        let name = spec.name.as_str();
        let schema = &spec.parameters;

        let mut letters = name.bytes();
        assert!(letters.next().is_some_and(|first| first.is_ascii_lowercase()), "{name}");
        let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(letters.all(rest) && name.len() <= 64, "{name}");
        assert_eq!(schema["type"], "object", "{name}");
        assert!(schema["properties"].is_object(), "{name}");
        assert_eq!(schema["additionalProperties"], false, "{name}");
        assert!(!schema.to_string().contains("$ref"), "{name}: {schema}");
        for (field, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{name}.{field} has no description");
        }
        assert!(!spec.description.is_empty() && spec.timeout_seconds > 0, "{name}");
    }
}

#[test]
fn specs_are_those_of_the_tools_by_name() {
    let registry = all();

    let names: Vec<_> = specs(&registry).into_iter().map(|spec| spec.name).collect();

    assert_eq!(names, ["echo", "memory_search", "timestamp"]);
    for name in &names {
        assert_eq!(registry.get(name).unwrap().spec().name, *name);
    }
}

#[test]
fn flags_of_a_tool_reach_its_spec() {
    let script: fn() -> Result<Value, ToolError> = || Ok(Value::Null);
    let specs = specs(&Registry::new(Arc::new(Noon), Arc::new(Never)).with(Scripted(script)));

    assert!(!specs[0].idempotent);
    assert!(specs[0].needs_approval);
    assert_eq!(specs[0].timeout_seconds, 7);
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told_by_every_tool() {
    let registry = all();
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    let misfits = [
        "{",
        "[]",
        "[\"x\"]",
        "7",
        "\"x\"",
        "true",
        "{\"unknown\":1}",
        "{\"text\":7}",
        "\u{0}",
        &deep,
    ];

    for spec in specs(&registry) {
        for arguments in misfits {
            let outcome = registry.run(&context(), &call(&spec.name, arguments)).await;

            assert_eq!(outcome.status, ToolStatus::Error, "{} {arguments}", spec.name);
            let message = outcome.payload["message"].as_str().unwrap();
            assert!(message.starts_with("the arguments "), "{}: {message}", spec.name);
        }
    }
}

#[tokio::test]
async fn unknown_tool_is_told() {
    let outcome = all().run(&context(), &call("rm -rf", "{}")).await;

    assert_eq!(outcome.status, ToolStatus::Error);
    assert_eq!(outcome.payload, json!({"message": "there is no tool named \"rm -rf\""}));
}

#[tokio::test]
async fn no_arguments_may_be_written_in_any_way() {
    for arguments in ["", "  \n", "{}", "null"] {
        let outcome = all().run(&context(), &call("timestamp", arguments)).await;

        assert_eq!(outcome.status, ToolStatus::Success, "{arguments:?}");
    }
}

#[tokio::test]
async fn panic_is_an_outcome() {
    let outcome = run(|| panic!("secret")).await;

    assert_eq!(outcome.status, ToolStatus::Error);
    assert_eq!(outcome.payload, json!({"message": "the tool failed"}));
}

#[tokio::test]
async fn what_broke_inside_a_tool_is_not_told() {
    let outcome = run(|| Err(ToolError::Broken("secret".into()))).await;

    assert_eq!(outcome.status, ToolStatus::Error);
    assert_eq!(outcome.payload, json!({"message": "the tool failed"}));
}

#[tokio::test]
async fn what_a_tool_tells_is_told_without_nul() {
    let outcome = run(|| Err(ToolError::Tell("no\0 such file".into()))).await;

    assert_eq!(outcome.payload, json!({"message": "no such file"}));
}

#[tokio::test]
async fn large_answer_is_cut() {
    let outcome = run(|| Ok(json!({"message": "x".repeat(100_000)}))).await;

    assert_eq!(outcome.status, ToolStatus::Success);
    assert!(outcome.payload.to_string().len() <= 64 * 1024);
}

#[tokio::test]
async fn call_that_takes_too_long_ends_by_timeout() {
    let registry = Registry::new(Arc::new(Noon), Arc::new(AtOnce)).with(Endless::default());

    let outcome = registry.run(&context(), &call("endless", "{}")).await;

    assert_eq!(outcome.status, ToolStatus::Timeout);
    assert_eq!(outcome.payload, json!({"message": "the tool took longer than 7 s"}));
}
