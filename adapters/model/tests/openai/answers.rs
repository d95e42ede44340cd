//! Answers that come whole, in whatever way.

use serde_json::{Value, json};
use soma_core::conversation::model::{FinishReason, Usage};
use soma_tests::stub_model::{Reply, answer_to, by_markers};

use crate::world::{Answered, always, answered, stub};

#[tokio::test]
async fn answer_comes_with_its_usage_its_reason_and_the_models_own_name() {
    let stub = stub(by_markers);

    let answer = answered(&stub, "hello [words 3]").await;

    let usage = Usage { prompt_tokens: 3, completion_tokens: 4, estimated: false };
    let expected = Answered {
        text: "hello w1 w2 w3".into(),
        tool_calls: Vec::new(),
        finish: FinishReason::Stop,
        usage: Some(usage),
        model: "test".into(),
    };
    assert_eq!(answer, expected);
    assert_eq!(stub.log()[0].usage, Some(usage));
}

#[tokio::test]
async fn answer_is_the_same_however_it_is_written() {
    let stub = stub(by_markers);
    let messages = ["naïve 架构 🦀", "naïve 架构 🦀 [bytes]", "naïve 架构 🦀 [whole]"];

    for message in messages {
        let answer = answered(&stub, message).await;

        assert_eq!(answer.text, answer_to(message), "{message}");
        assert!(answer.usage.is_some(), "{message}");
    }
}

#[tokio::test]
async fn frames_may_be_of_any_kind() {
    let says = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let ends = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let (hello, you) = (says("hello "), says("you"));
    let pretty = format!("{you:#}").replace('\n', "\ndata: ");
    for body in [
        format!("data: {hello}\n\ndata: {you}\n\ndata: {ends}\n\ndata: [DONE]\n\n"),
        format!("data:{hello}\r\n\r\ndata:{you}\r\n\r\ndata:{ends}\r\n\r\ndata:[DONE]\r\n\r\n"),
        format!("\u{feff}: hi\rdata: {hello}\r\rid: 1\rdata: {you}\r\rdata: {ends}\r\r"),
        format!("event: x\ndata: {hello}\n\n: wait\n\ndata: {pretty}\n\ndata: {ends}"),
    ] {
        let stub = always(Reply::stream().raw(body.as_bytes()));

        assert_eq!(answered(&stub, "hi").await.text, "hello you", "{body}");
    }
}

#[tokio::test]
async fn usage_that_is_not_told_is_none() {
    let stub = stub(by_markers);

    assert_eq!(answered(&stub, "hello [no-usage]").await.usage, None);
}

#[tokio::test]
async fn nulls_and_unknown_fields_are_nothing() {
    let chunk = json!({
        "id": null, "model": null, "service_tier": "x", "obfuscation": "aaa", "usage": null,
        "error": null,
        "choices": [{
            "index": 0, "finish_reason": null, "logprobs": null,
            "delta": {"role": "assistant", "content": null, "tool_calls": null, "audio": {}},
        }],
    });
    let reply = Reply::stream().data(&chunk.to_string()).data(r#"{"choices": null}"#);
    let stub = always(reply.data("{}").text("hi").finish("stop").done());

    let answer = answered(&stub, "hello").await;

    assert_eq!(answer.text, "hi");
    assert_eq!(answer.finish, FinishReason::Stop);
}

#[tokio::test]
async fn reasons_are_those_of_the_house() {
    for (reason, finish) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
        ("tool_calls", FinishReason::ToolCalls),
        ("function_call", FinishReason::ToolCalls),
        ("eos", FinishReason::Stop),
    ] {
        let stub = always(Reply::stream().text("hi").finish(reason).done());

        assert_eq!(answered(&stub, "hello").await.finish, finish, "{reason}");
    }
}

#[tokio::test]
async fn answer_is_whole_once_its_reason_was_given() {
    let spoken = || Reply::stream().text("hi").finish("stop");
    for reply in [spoken(), spoken().cut(), Reply::stream().text("hi").done()] {
        let stub = always(reply);

        let answer = answered(&stub, "hello").await;

        assert_eq!((answer.text.as_str(), answer.finish), ("hi", FinishReason::Stop));
    }
}

#[tokio::test]
async fn other_choices_are_not_heard() {
    let choice = |index: u32, text: &str| json!({"index": index, "delta": {"content": text}});
    let chunk = |choices: Value| json!({"choices": choices}).to_string();
    let reply = Reply::stream()
        .data(&chunk(json!([choice(1, "other")])))
        .data(&chunk(json!([choice(0, "first"), choice(1, "other")])));
    let stub = always(reply.finish("stop").done());

    assert_eq!(answered(&stub, "hello").await.text, "first");
}
