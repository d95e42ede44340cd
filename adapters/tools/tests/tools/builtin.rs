//! What each tool of the platform does.

use std::sync::Arc;

use crate::world::{Noon, Noted, call, context, platform, session};
use serde_json::{Value, json};
use soma_core::conversation::event::Role;
use soma_core::ids::EventId;
use soma_core::memory::MemoryHit;
use soma_core::ports::Clock;
use soma_core::ports::Toolbox as _;
use soma_core::tool::{ToolOutcome, ToolStatus};

async fn run(tool: &str, arguments: Value) -> ToolOutcome {
    let registry = platform(Arc::new(Noted::default()));
    registry.run(&context(), &call(tool, &arguments.to_string())).await
}

#[tokio::test]
async fn echo_says_back_its_text() {
    let outcome = run("echo", json!({"text": "grüß dich"})).await;

    assert_eq!(outcome.status, ToolStatus::Success);
    assert_eq!(outcome.payload, json!({"message": "grüß dich"}));
}

#[tokio::test]
async fn timestamp_tells_the_time_of_the_clock_in_utc() {
    let outcome = run("timestamp", json!({})).await;

    assert_eq!(outcome.payload, json!({"message": "2025-11-03T12:00:00Z"}));
}

#[tokio::test]
async fn timestamp_uses_the_format_it_is_given() {
    let outcome = run("timestamp", json!({"format": "%A, %d %B %Y %Z"})).await;

    assert_eq!(outcome.payload, json!({"message": "Monday, 03 November 2025 UTC"}));
}

#[tokio::test]
async fn timestamp_tells_what_is_wrong_with_a_format() {
    for format in ["%", "%!", "%Y %", "%999999999999999999Y", &"%".repeat(257)] {
        let outcome = run("timestamp", json!({"format": format})).await;

        assert_eq!(outcome.status, ToolStatus::Error, "{format:?}: {}", outcome.payload);
        assert!(outcome.payload["message"].as_str().unwrap().contains("format"), "{format:?}");
    }
}

#[tokio::test]
async fn memory_search_asks_for_memories_of_the_caller_only() {
    let hit = MemoryHit {
        key: "acme/key".into(),
        event_id: EventId::from_uuid(uuid::Uuid::from_u128(9)),
        session_id: session(),
        role: Role::User,
        text: "my cat is called Nimbus".into(),
        score: 0.5,
        at: Noon.now(),
    };
    let memory = Arc::new(Noted { hits: Some(vec![hit]), ..Noted::default() });
    let registry = platform(Arc::clone(&memory));

    let outcome = registry.run(&context(), &call("memory_search", r#"{"query":"cat"}"#)).await;

    let asked = memory.asked.lock().unwrap();
    assert_eq!(asked[0].tenant.as_str(), "acme");
    assert_eq!((asked[0].text.as_str(), asked[0].limit), ("cat", 5));
    let hits = outcome.payload["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0]["text"], "my cat is called Nimbus");
    assert_eq!(hits[0]["at"], "2025-11-03T12:00:00.000000Z");
}

#[tokio::test]
async fn memory_search_refuses_a_limit_out_of_range() {
    for limit in [0, 21, 255] {
        let outcome = run("memory_search", json!({"query": "x", "limit": limit})).await;

        assert_eq!(outcome.status, ToolStatus::Error);
        assert_eq!(outcome.payload, json!({"message": "the limit must be from 1 to 20"}));
    }
}

#[tokio::test]
async fn memory_search_does_not_tell_why_the_memory_cannot_be_reached() {
    let outcome = run("memory_search", json!({"query": "x"})).await;

    assert_eq!(outcome.payload, json!({"message": "the tool failed"}));
}
