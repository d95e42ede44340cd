//! Streams that end badly, and streams that nobody wants any more.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use soma_core::contract::model::request;
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_model::{OpenAiConfig, OpenAiModel};
use soma_tests::stub_model::{Ending, Reply, by_markers};

use crate::world::{KEY, always, answered, config, failed, impatient, stub};

#[tokio::test]
async fn stream_that_ends_without_a_reason_is_broken_after_what_it_said() {
    let stub = stub(by_markers);

    for (message, said) in [("[cut 2]", "w1 w2 "), ("[end 2]", "w1 w2 "), ("[cut 0]", "")] {
        let outcome = failed(config(&stub), message).await;

        assert_eq!(outcome, (said.into(), ModelFailure::Broken), "{message}");
    }
}

#[tokio::test]
async fn nonsense_is_broken() {
    let line = vec![b'x'; (1 << 20) + 10];
    for reply in [
        Reply::stream().text("hi").data("{\"choices\": [").done(),
        Reply::stream().text("hi").raw(&line),
        Reply::whole(200, json!("hello")),
        Reply::whole(200, json!({})),
        Reply::stream(),
    ] {
        let stub = always(reply);

        assert_eq!(failed(config(&stub), "hello").await.1, ModelFailure::Broken);
    }
}

#[tokio::test]
async fn silence_is_a_timeout_before_the_first_byte_and_within_the_answer() {
    let stub = stub(by_markers);

    for (message, said) in [("[mute]", ""), ("[silent 0]", ""), ("[silent 2]", "w1 w2 ")] {
        let outcome = failed(impatient(&stub), message).await;

        assert_eq!(outcome, (said.into(), ModelFailure::Timeout), "{message}");
    }
}

#[tokio::test]
async fn server_may_think_longer_before_it_says_anything() {
    let silence = Duration::from_millis(200);
    let stub = always(Reply::stream().wait(4 * silence).text("hi").finish("stop").done());
    let config = OpenAiConfig { silence, ..config(&stub) };

    let (said, end) = crate::world::ask(config, request("hello")).await;

    assert_eq!(said, "hi");
    assert!(end.is_ok(), "{end:?}");
}

#[tokio::test]
async fn error_in_the_stream_is_what_it_says() {
    let error = |error: serde_json::Value| {
        let reply = Reply::stream().text("hi").data(&json!({"error": error}).to_string());
        always(reply.text("never").finish("stop").done())
    };
    let rate_limited = ModelFailure::RateLimited { retry_after_seconds: None };
    for (body, failure) in [
        (json!({"message": "boom"}), ModelFailure::Unavailable("500: boom".into())),
        (json!("boom"), ModelFailure::Unavailable("500: boom".into())),
        (json!({"message": "x", "code": 429}), rate_limited),
        (json!({"message": "x", "code": "context_length_exceeded"}), ModelFailure::TooLong),
        (json!({"message": "x", "code": "content_filter"}), ModelFailure::ContentFilter),
        (
            json!({"message": format!("bad {KEY}"), "code": 400}),
            ModelFailure::Refused("400: bad ***".into()),
        ),
    ] {
        let stub = error(body);

        assert_eq!(failed(config(&stub), "hello").await, ("hi".into(), failure));
    }
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request() {
    let stub = stub(by_markers);
    let model = OpenAiModel::new(config(&stub)).unwrap();
    let mut stream = model.generate(request("[words 2] [pace 60s]")).await.unwrap();
    let first = stream.next().await;

    drop(stream);

    assert!(matches!(first, Some(Ok(_))), "{first:?}");
    let log = stub.until(|log| log[0].ending.is_some()).await;
    assert_eq!(log[0].ending, Some(Ending::HungUp));
}

#[tokio::test]
async fn fault_that_passes_leaves_the_next_answer_whole() {
    let stub = stub(by_markers);
    let message = "hello [cut 1] [times 1]";

    let first = failed(config(&stub), message).await;
    let second = answered(&stub, message).await;

    assert_eq!(first, ("hello ".into(), ModelFailure::Broken));
    assert_eq!(second.text, "hello w1 w2 w3 w4 w5");
    let endings: Vec<_> = stub.log().into_iter().map(|entry| entry.ending).collect();
    assert_eq!(endings, [Some(Ending::Cut), Some(Ending::Completed)]);
}
