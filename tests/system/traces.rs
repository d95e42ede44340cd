//! One trace from the request through the outbox, the log, the worker, the model, a tool, the memory and
//! its replica.

use std::collections::BTreeSet;

use serde_json::json;
use soma_tests::otlp::{Otlp, Span};
use soma_tests::stub_model::{StubModel, by_markers};

use crate::client::{http, say};
use crate::processes::{Engines, SERVICES};
use crate::soma::{Folder, Soma};

/// A client's own span.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";

/// What belongs to a turn that asks for a tool once: name and kind.
const PARTS: [(&str, i32); 12] = [
    ("POST /v1/session/message", 2),
    ("send conversation.inbound", 4),
    ("process conversation.inbound", 5),
    ("invoke_agent soma", 1),
    ("search_memory", 3),
    ("chat stub", 3),
    ("send tool.requests", 4),
    ("execute_tool echo", 1),
    ("process tool.results", 5),
    ("upsert_memory", 3),
    ("send memory.wal", 4),
    ("process memory.wal", 5),
];

fn names(spans: &[Span]) -> BTreeSet<(&str, i32)> {
    let own = spans.iter().filter(|span| span.trace == TRACE);
    own.map(|span| (span.name.as_str(), span.kind)).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_is_one_trace() {
    let (otlp, stub) = (Otlp::start().unwrap(), StubModel::start(by_markers).unwrap());
    let (endpoint, base_url) = (otlp.endpoint(), stub.base_url());
    let data = Folder::new("traces");
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("SLM_BASE_URL", base_url.as_str()),
        ("SLM_MODEL", "stub"),
    ];
    let soma = Soma::start(data.path(), &settings);

    ask(&soma.url, &otlp).await;
    assert!(soma.terminate().success());

    check(&otlp);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_is_one_trace_through_six_processes() {
    let Some(mut engines) = Engines::open().await else { return };
    let (otlp, stub) = (Otlp::start().unwrap(), StubModel::start(by_markers).unwrap());
    engines.settings.extend([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.endpoint()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".into()),
        ("SLM_BASE_URL", stub.base_url()),
        ("SLM_MODEL", "stub".into()),
    ]);
    let processes = SERVICES.map(|service| engines.start(service));

    ask(&processes[0].url, &otlp).await;
    assert!(processes.into_iter().all(|process| process.terminate().success()));

    check(&otlp);
    let spans = otlp.spans();
    let of_trace = spans.iter().filter(|span| span.trace == TRACE);
    let services: BTreeSet<&str> = of_trace.map(|span| span.service.as_str()).collect();
    let all: BTreeSet<String> = SERVICES.iter().map(|name| format!("soma-{name}")).collect();
    assert_eq!(services, all.iter().map(String::as_str).collect());
}

/// Sends a message as a part of the client's trace, and waits until every part of it was told.
async fn ask(url: &str, otlp: &Otlp) {
    let secret = r#"[tool echo {"text": "heron"}]"#;
    let post = http().post(format!("{url}/v1/session/message")).json(&json!({"message": secret}));
    let parent = format!("00-{TRACE}-{CLIENT}-01");
    let accepted = post.header("traceparent", parent).send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let whole: BTreeSet<(&str, i32)> = PARTS.into_iter().collect();
    otlp.until(|spans| names(spans).is_superset(&whole)).await;
}

/// It is one trace, in which nothing lacks its parent.
fn check(otlp: &Otlp) {
    let spans: Vec<Span> = otlp.spans().into_iter().filter(|span| span.trace == TRACE).collect();
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len(), "no id is there twice");
    for span in &spans {
        let known = span.parent == CLIENT || ids.contains(span.parent.as_str());
        assert!(known, "the parent of {} is not there", span.name);
        let told = span.attributes.values().any(|value| value.contains("heron"));
        assert!(!told, "what a person said is in {span:?}");
        assert!(!span.failed, "{span:?}");
    }
    let request = named(&spans, "POST /v1/session/message");
    assert_eq!(request.parent, CLIENT);
    assert_eq!(request.attributes["http.response.status_code"], "202");
    for name in ["invoke_agent soma", "execute_tool echo", "upsert_memory", "process memory.wal"] {
        assert_eq!(named(&spans, name).parent, request.id, "{name}");
    }
    let chat = named(&spans, "chat stub");
    let turns = spans.iter().filter(|span| span.name == "invoke_agent soma");
    assert!(turns.map(|turn| &turn.id).any(|turn| *turn == chat.parent), "{chat:?}");
    assert_eq!(chat.attributes["gen_ai.operation.name"], "chat");
    assert_eq!(chat.attributes["gen_ai.request.model"], "stub");
    assert!(chat.attributes.contains_key("gen_ai.usage.output_tokens"), "{chat:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_without_a_trace_begins_one() {
    let otlp = Otlp::start().unwrap();
    let endpoint = otlp.endpoint();
    let data = Folder::new("own-traces");
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let soma = Soma::start(data.path(), &settings);

    let session = say(&http(), &soma.url, "hello").await;

    let ended = |spans: &[Span]| spans.iter().any(|span| span.name == "process memory.wal");
    let spans = otlp.until(ended).await;
    let request = named(&spans, "POST /v1/session/message");
    assert_eq!(request.parent, "");
    let turn = named(&spans, "invoke_agent soma");
    assert_eq!((&turn.trace, &turn.parent), (&request.trace, &request.id));
    assert_eq!(turn.attributes["gen_ai.conversation.id"], session);
}
