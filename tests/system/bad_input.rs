//! Bad input gets a problem document, never a crash, and writes nothing: row by row, and by a
//! generator that mutates valid requests.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::{http, say};
use crate::soma::{Folder, Soma};

async fn raw(http: &Client, url: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = http.post(format!("{url}/v1/session/message"));
    let response =
        request.header("Content-Type", "application/json").body(body).send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

async fn sessions(http: &Client, url: &str) -> usize {
    let page: Value = http
        .get(format!("{url}/v1/sessions?limit=200"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    page["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_bad_message_is_refused_by_name_and_writes_nothing() {
    let data = Folder::new("bad-input");
    let soma = Soma::start(data.path(), &[]);
    let http = http();
    let nested = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let text = |length: usize| json!({"message": "a".repeat(length)}).to_string().into_bytes();
    let field = |field: &str, value: Value| {
        let mut body = json!({"message": "hi"});
        body[field] = value;
        body.to_string().into_bytes()
    };
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("not JSON", b"hello".to_vec(), &[400]),
        ("empty body", Vec::new(), &[400]),
        ("nested 1000 deep", format!("{{\"message\": {nested}}}").into_bytes(), &[400]),
        ("broken UTF-8", b"{\"message\": \"\xff\xfe\"}".to_vec(), &[400]),
        ("no message", b"{}".to_vec(), &[400, 422]),
        ("wrong type", field("message", json!(7)), &[400, 422]),
        ("empty message", field("message", json!("  ")), &[422]),
        ("a NUL", field("message", json!("a\0b")), &[422]),
        ("256 KiB and a byte", text(256 * 1024 + 1), &[413]),
        ("1 MiB", text(1 << 20), &[413]),
        ("an id that is none", field("session_id", json!("x")), &[400, 422]),
        ("unknown session", field("session_id", json!(uuid::Uuid::nil())), &[404]),
        ("unknown field", field("role", json!("system")), &[400, 422]),
        ("unknown when_busy", field("when_busy", json!("later")), &[400, 422]),
        ("33 attachments", field("attachments", json!(vec!["a"; 33])), &[422]),
        ("large metadata", field("metadata", json!({"a": "b".repeat(17_000)})), &[413]),
        ("metadata that is a list", field("metadata", json!([])), &[400, 422]),
        ("a persona that is no name", field("persona_id", json!("a b")), &[400, 422]),
    ];

    for (name, body, expected) in rows {
        let (status, problem) = raw(&http, &soma.url, body).await;
        assert!(expected.contains(&status.as_u16()), "{name}: {status} {problem}");
        assert!(problem["type"].is_string(), "{name}: {problem}");
    }

    assert_eq!(sessions(&http, &soma.url).await, 0, "nothing was written");
    let longest = text(256 * 1024);
    assert_eq!(raw(&http, &soma.url, longest).await.0, StatusCode::ACCEPTED);
}

/// A valid request with something broken: a byte, a piece, a value, a repetition.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let valid = json!({
        "message": "hello", "persona_id": "p", "attachments": ["a"],
        "metadata": {"escalate": true, "n": [1, 2.5, null]}, "when_busy": "enqueue",
    })
    .to_string()
    .into_bytes();
    let length = valid.len();
    let cut = (0..length, 0..length);
    let byte = (0..length, any::<u8>());
    (prop::collection::vec(byte, 0..4), cut, 0..4_u8, any::<String>()).prop_map(
        move |(bytes, (from, to), how, text)| {
            let mut body = valid.clone();
            for (place, byte) in bytes {
                body[place] = byte;
            }
            let (from, to) = (from.min(to), from.max(to));
            match how {
                0 => drop(body.drain(from..to)),
                1 => body.extend_from_slice(&valid[from..to]),
                2 => drop(body.splice(from..to, text.into_bytes())),
                _ => {}
            }
            body
        },
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_requests_never_break_the_gateway_and_the_refused_write_nothing() {
    let data = Folder::new("mutated");
    let soma = Soma::start(data.path(), &[]);
    let (http, url) = (http(), soma.url.clone());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let config = Config { failure_persistence: None, ..Config::with_cases(400) };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let mut accepted = 0;

    for _ in 0..400 {
        let body = mutated().new_tree(&mut runner).unwrap().current();
        let shown = String::from_utf8_lossy(&body).into_owned();
        let (status, problem) = raw(&http, &url, body).await;
        assert!(!status.is_server_error(), "{status} {problem} for {shown}");
        accepted += usize::from(status == StatusCode::ACCEPTED);
    }

    assert_eq!(sessions(&http, &url).await, accepted.min(200), "only the accepted were written");
    say(&http, &url, "still alive").await;
}
