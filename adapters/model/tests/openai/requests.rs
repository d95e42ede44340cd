//! What a server is asked.

use futures_util::StreamExt;
use serde_json::{Value, json};
use soma_core::contract::model::request;
use soma_core::conversation::model::{ChatMessage, ModelFailure, ModelToolCall};
use soma_core::ports::Model;
use soma_core::ports::model::ModelRequest;
use soma_core::tool::ToolSpec;
use soma_model::{OpenAiConfig, OpenAiModel};
use soma_tests::stub_model::{Asked, Reply, StubModel, by_markers};

use crate::world::{KEY, answered, ask, config, stub};

/// A request with everything that can be in one.
fn full() -> ModelRequest {
    let call =
        ModelToolCall { id: "call_1".into(), name: "echo".into(), arguments: "{\"a\":1}".into() };
    let mut request = request("hello");
    request.max_tokens = 99;
    request.profile.temperature_milli = Some(700);
    request.messages.insert(0, ChatMessage::System { content: "be kind".into() });
    request.messages.extend([
        ChatMessage::Assistant { content: String::new(), tool_calls: vec![call] },
        ChatMessage::Tool { tool_call_id: "call_1".into(), content: "1".into() },
        ChatMessage::Assistant { content: "so".into(), tool_calls: Vec::new() },
    ]);
    request.tools = vec![ToolSpec {
        name: "echo".into(),
        description: "says it again".into(),
        parameters: json!({"type": "object"}),
        idempotent: true,
        needs_approval: false,
        timeout_seconds: 1,
    }];
    request
}

#[tokio::test]
async fn request_is_written_as_the_protocol_says() {
    let stub = stub(by_markers);

    ask(config(&stub), full()).await.1.unwrap();

    let call = json!({"name": "echo", "arguments": "{\"a\":1}"});
    let tool =
        json!({"name": "echo", "description": "says it again", "parameters": {"type": "object"}});
    let body = json!({
        "model": "test",
        "messages": [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": null,
             "tool_calls": [{"id": "call_1", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "1"},
            {"role": "assistant", "content": "so"},
        ],
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": "auto",
        "max_tokens": 99,
        "temperature": 0.7,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let asked = &stub.log()[0].asked;
    assert_eq!(asked.body, body);
    assert_eq!(asked.key.as_deref(), Some(KEY));
}

#[tokio::test]
async fn what_is_not_wanted_is_not_written() {
    let stub = stub(by_markers);
    let config = OpenAiConfig::new(format!("{}/", stub.base_url()), None);

    ask(config, request("hello")).await.1.unwrap();

    let asked = &stub.log()[0].asked;
    for field in ["tools", "tool_choice", "temperature"] {
        assert!(asked.body.get(field).is_none(), "{field}");
    }
    assert_eq!(asked.key, None);
}

/// A server that refuses these fields by name.
fn refusing(fields: &'static [&'static str]) -> StubModel {
    stub(move |asked: &Asked| match fields.iter().find(|field| asked.body.get(**field).is_some()) {
        Some(&"max_tokens") => refusal("Unsupported 'max_tokens'. Use 'max_completion_tokens'."),
        Some(field) => refusal(&format!("Unrecognized request argument: {field}")),
        None => by_markers(asked),
    })
}

fn refusal(message: &str) -> Reply {
    Reply::whole(400, json!({"error": {"message": message, "type": "invalid_request_error"}}))
}

fn bodies(stub: &StubModel) -> Vec<Value> {
    stub.log().into_iter().map(|entry| entry.asked.body).collect()
}

#[tokio::test]
async fn field_that_is_refused_is_left_out_and_that_is_remembered() {
    let stub = refusing(&["stream_options"]);
    let model = OpenAiModel::new(config(&stub)).unwrap();

    for _ in 0..2 {
        let answer = model.generate(request("hello")).await.unwrap();
        assert!(answer.count().await > 1);
    }

    let has: Vec<bool> =
        bodies(&stub).iter().map(|body| body.get("stream_options").is_some()).collect();
    assert_eq!(has, [true, false, false]);
}

#[tokio::test]
async fn newer_name_of_the_limit_is_used_where_it_is_wanted() {
    let stub = refusing(&["max_tokens", "stream_options"]);

    let answer = answered(&stub, "hello [words 1]").await;

    assert_eq!(answer.text, "hello w1");
    let last = bodies(&stub).pop().unwrap();
    assert_eq!(last["max_completion_tokens"], 256);
    assert!(last.get("max_tokens").is_none() && last.get("stream_options").is_none(), "{last}");
}

#[tokio::test]
async fn server_that_refuses_either_name_is_asked_no_more() {
    let stub = refusing(&["max_tokens", "max_completion_tokens"]);

    let (_, end) = ask(config(&stub), request("hello")).await;

    assert!(matches!(end, Err(ModelFailure::Refused(_))), "{end:?}");
    assert_eq!(stub.log().len(), 2);
}

/// The messages of a body that is sent for these.
async fn sent(messages: Vec<ChatMessage>) -> Value {
    let stub = stub(by_markers);
    ask(config(&stub), ModelRequest { messages, ..request("hello") }).await.1.unwrap();
    bodies(&stub)[0]["messages"].clone()
}

fn user(content: &str) -> ChatMessage {
    ChatMessage::User { content: content.into() }
}

#[tokio::test]
async fn what_a_model_wrote_goes_back_so_that_strict_servers_take_it() {
    for (name, arguments, fit_name, fit_arguments) in [
        ("echo", "{\"text\": \"on", "echo", "{}"),
        ("echo", "", "echo", "{}"),
        ("echo", "null", "echo", "{}"),
        ("echo", "[]", "echo", "{}"),
        ("echo", "{\"a\": 1}", "echo", "{\"a\": 1}"),
        ("web search!", "{}", "web_search_", "{}"),
        ("", "{}", "unnamed", "{}"),
        ("größe", "{}", "gr__e", "{}"),
    ] {
        let call = ModelToolCall { id: "x".into(), name: name.into(), arguments: arguments.into() };
        let asked = ChatMessage::Assistant { content: String::new(), tool_calls: vec![call] };
        let told = ChatMessage::Tool { tool_call_id: "x".into(), content: "no".into() };

        let messages = sent(vec![user("hello"), asked, told]).await;

        let function = &messages[1]["tool_calls"][0]["function"];
        assert_eq!(function, &json!({"name": fit_name, "arguments": fit_arguments}), "{name}");
    }
}

#[tokio::test]
async fn no_two_messages_of_a_person_follow_each_other() {
    let answer = ChatMessage::Assistant { content: "yes".into(), tool_calls: Vec::new() };

    let messages = sent(vec![user("a"), user("b"), answer, user("notes"), user("c")]).await;

    let expected = json!([
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "notes\n\nc"},
    ]);
    assert_eq!(messages, expected);
}
