//! The stand-in that needs no language model.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use serde_json::json;
use soma_core::contract::Fixture;
use soma_core::contract::model::{ModelUnderTest, request};
use soma_core::conversation::analysis::analyse;
use soma_core::conversation::model::{ChatMessage, FinishReason, ModelToolCall};
use soma_core::ports::model::{About, ModelEvent, ModelRequest};
use soma_core::ports::{Model, Timer};
use soma_core::tool::ToolSpec;
use soma_model::OfflineModel;

/// Resolves at once, and notes how long it should have taken.
#[derive(Default)]
struct NoTime {
    slept: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Timer for NoTime {
    async fn sleep(&self, span: Duration) {
        self.slept.lock().unwrap().push(span);
    }
}

struct Offline;

#[async_trait]
impl Fixture for Offline {
    type Port = ModelUnderTest;
    const DURABLE: bool = false;

    async fn start() -> Option<Self> {
        Some(Self)
    }

    async fn open(&self) -> ModelUnderTest {
        ModelUnderTest {
            answering: Arc::new(OfflineModel::new(Arc::new(NoTime::default()))),
            breaking_off: None,
            silent: None,
            refusing: None,
            secret: String::new(),
            under_way: Arc::new(|| 0),
        }
    }
}

soma_core::contract_tests!(model, Offline);

/// The pieces of the answer, and its end.
async fn answer(request: ModelRequest) -> (Vec<String>, FinishReason, Vec<ModelToolCall>, u64) {
    let model = OfflineModel::new(Arc::new(NoTime::default()));
    let mut words = Vec::new();
    let mut stream = model.generate(request).await.unwrap();
    loop {
        match stream.next().await.unwrap().unwrap() {
            ModelEvent::Text(word) | ModelEvent::Reasoning(word) => words.push(word),
            ModelEvent::Done { tool_calls, finish, usage, .. } => {
                return (words, finish, tool_calls, usage.unwrap().completion_tokens);
            }
        }
    }
}

#[tokio::test]
async fn long_answer_counts_as_far_as_it_is_asked() {
    let (words, finish, calls, _) = answer(request("/long 12")).await;
    assert_eq!(words.concat(), "1 2 3 4 5 6 7 8 9 10 11 12");
    assert_eq!((finish, calls.len()), (FinishReason::Stop, 0));

    let (words, ..) = answer(request("/longer")).await;
    assert!(words.concat().contains("You said: /longer"));
}

fn with_echo(message: &str) -> ModelRequest {
    let echo = ToolSpec {
        name: "echo".into(),
        description: String::new(),
        parameters: json!({}),
        idempotent: true,
        needs_approval: false,
        timeout_seconds: 1,
    };
    ModelRequest { tools: vec![echo], ..request(message) }
}

#[tokio::test]
async fn it_says_that_there_is_no_model_and_how_to_connect_one() {
    let (words, finish, ..) = answer(request("hello there")).await;

    let text = words.concat();
    for part in ["No language model", "SLM_BASE_URL", "SLM_MODEL", "SLM_API_KEY", "hello there"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(finish, FinishReason::Stop);
    assert!(words.len() > 20, "word by word");
}

#[tokio::test]
async fn it_shows_what_the_platform_knows() {
    let about = About {
        analysis: Some(analyse("why is the deployment broken?")),
        recalled: vec!["likes tea".into(), "lives in Ulm".into()],
        history: 3,
    };

    let (words, ..) = answer(ModelRequest { about, ..request("why?") }).await;

    let text = words.concat();
    for part in ["question", "negative", "infrastructure", "likes tea", "lives in Ulm", "3"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn same_request_has_the_same_answer() {
    assert_eq!(answer(request("hello")).await, answer(request("hello")).await);
}

#[tokio::test]
async fn it_asks_for_a_tool_when_told_to_and_shows_the_result() {
    let mut request = with_echo(r#"/tool echo {"text": "hi"}"#);

    let (words, finish, calls, _) = answer(request.clone()).await;
    request.messages.extend([
        ChatMessage::Assistant { content: String::new(), tool_calls: calls.clone() },
        ChatMessage::Tool { tool_call_id: calls[0].id.clone(), content: "result 42".into() },
    ]);
    let (shown, then, again, _) = answer(request).await;

    assert!(words.is_empty(), "{words:?}");
    assert_eq!(
        (calls[0].name.as_str(), calls[0].arguments.as_str()),
        ("echo", r#"{"text": "hi"}"#)
    );
    assert_eq!((finish, then), (FinishReason::ToolCalls, FinishReason::Stop));
    assert!(shown.concat().contains("result 42") && again.is_empty(), "{shown:?}");
}

#[tokio::test]
async fn it_names_the_tools_when_there_is_none_of_that_name() {
    for message in ["/tool shell {}", "/tool"] {
        let (words, finish, calls, _) = answer(with_echo(message)).await;

        assert!(words.concat().contains("echo"), "{words:?}");
        assert_eq!((finish, calls), (FinishReason::Stop, Vec::new()));
    }
}

#[tokio::test]
async fn word_that_begins_like_the_command_is_no_command() {
    let (words, ..) = answer(with_echo("/toolbox echo {}")).await;

    assert!(words.concat().contains("No language model"), "{words:?}");
}

#[tokio::test]
async fn answer_keeps_within_its_limit() {
    let (words, finish, _, used) =
        answer(ModelRequest { max_tokens: 10, ..request("hello") }).await;

    assert_eq!(finish, FinishReason::Length);
    assert!(used <= 10 && !words.is_empty(), "{used} for {words:?}");
}

#[tokio::test]
async fn pace_is_the_time_between_words() {
    let timer = Arc::new(NoTime::default());
    let pace = Duration::from_millis(3);
    let model = OfflineModel::new(timer.clone()).paced(pace);

    let events = model.generate(request("hello")).await.unwrap().count().await;

    assert_eq!(*timer.slept.lock().unwrap(), vec![pace; events - 1]);
}
