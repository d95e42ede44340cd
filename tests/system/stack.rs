//! The six services as processes of their own, on real Kafka, PostgreSQL and Redis. SomaBrain is a double.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soma_core::conversation::event::EventType;

use crate::client::{Follower, http, post, say, verified};
use crate::processes::{Engines, SERVICES};

/// The answer to a message in a session of its own.
async fn answer(http: &reqwest::Client, (posts, follows): (&str, &str), message: &str) -> String {
    let session = say(http, posts, message).await;
    let mut client = Follower::new(&session);
    assert!(client.follow(http, follows).await);
    let (pieces, whole) = client.answers.values().next().unwrap();
    assert_eq!(pieces, whole);
    whole.clone()
}

/// What is said at one gateway is followed at the other; a tool runs, and what was said is recalled in
/// another session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_answer_together() {
    let Some(engines) = Engines::open().await else { return };
    let processes = SERVICES.map(|service| engines.start(service));
    let other = engines.start("gateway");
    let (one, other_url) = (processes[0].url.clone(), other.url.clone());
    let http = http();

    let said = answer(&http, (&one, &other_url), "My bicycle is turquoise.").await;
    let ran = answer(&http, (&other_url, &one), r#"/tool echo {"text": "bonjour"}"#).await;
    let mut recalled = String::new();
    // Memories are written behind the answer.
    for _ in 0..60 {
        recalled = answer(&http, (&one, &one), "What is my bicycle like?").await;
        if recalled.contains("turquoise") {
            break;
        }
    }

    assert!(said.contains("You said: My bicycle is turquoise."), "{said}");
    assert!(ran.contains("bonjour"), "{ran}");
    assert!(recalled.contains("turquoise"), "{recalled}");
    let ended = join_all(
        processes
            .into_iter()
            .chain([other])
            .map(|process| tokio::task::spawn_blocking(|| process.terminate())),
    );
    assert!(ended.await.into_iter().all(|status| status.unwrap().success()));
    drop(engines.brain);
}

/// In mid-answer: another worker gives the answer anew, and the client sees all of it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_that_is_killed_is_replaced_by_another() {
    let Some(engines) = Engines::open().await else { return };
    let processes = SERVICES.map(|service| engines.start(service));
    let url = processes[0].url.clone();
    let http = http();
    let session = say(&http, &url, "/long 120").await;
    let mut client = Follower::new(&session);
    let events = format!("{url}/v1/session/{session}/events");
    let mut stream = http.get(&events).send().await.unwrap();
    let mut seen = String::new();
    while !seen.contains("assistant.delta") {
        let piece = stream.chunk().await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&piece));
    }

    let [_gateway, mut worker, ..] = processes;
    worker.child.kill().unwrap();
    let _another = engines.start("conversation-worker");
    assert!(client.follow(&http, &url).await);

    let (pieces, whole) = client.answers.values().next().unwrap();
    assert_eq!(pieces, whole);
    let kinds: Vec<_> = verified(&http, &url, &session).await.iter().map(|it| it.kind).collect();
    let count = |kind| kinds.iter().filter(|it| **it == kind).count();
    assert_eq!(count(EventType::AssistantRestarted), 1, "{kinds:?}");
    assert_eq!(count(EventType::AssistantFinal), 1, "{kinds:?}");
    let again = post(&http, &url, &json!({"message": "Go on.", "session_id": session}), None).await;
    assert_eq!(again.unwrap().status(), StatusCode::ACCEPTED);
}

/// Nothing is decided without a policy engine and nothing recalled without a memory, and a gateway still
/// shows what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_engine_and_memory_that_are_away_are_told_and_stop_no_gateway() {
    let Some(mut engines) = Engines::open().await else { return };
    let nobody = "http://127.0.0.1:9".to_owned();
    engines.settings.retain(|(name, _)| *name != "SOMA_BASE_URL");
    engines.settings.extend([("SOMA_BASE_URL", nobody.clone()), ("OPA_URL", nobody)]);
    let gateway = engines.start("gateway");
    let http = http();
    let get = async |path: &str| http.get(format!("{}{path}", gateway.url)).send().await.unwrap();

    let mut health = Value::Null;
    for _ in 0..200 {
        health = get("/v1/health").await.json().await.unwrap();
        if health["components"]["policy"]["status"] == "degraded" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let components = &health["components"];
    assert_eq!(components["policy"]["status"], "degraded", "{health}");
    assert_eq!(components["somabrain"]["status"], "degraded", "{health}");
    assert_eq!(components["postgres"]["status"], "ok", "{health}");
    assert_eq!(get("/readyz").await.status(), StatusCode::OK);
}
