//! Refusals, and what they mean.

use serde_json::{Value, json};
use soma_core::conversation::model::ModelFailure;
use soma_core::ports::Model;
use soma_model::{OpenAiConfig, OpenAiModel, Secret};
use soma_tests::stub_model::Reply;

use crate::world::{KEY, always, config, failed};

async fn refused(status: u16, body: Value) -> ModelFailure {
    let stub = always(Reply::whole(status, body));
    failed(config(&stub), "hello").await.1
}

fn error(message: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "code": code}})
}

#[tokio::test]
async fn statuses_have_their_meanings() {
    let said = || error("boom", "");
    for (status, body, failure) in [
        (401, said(), ModelFailure::Unauthorized),
        (403, said(), ModelFailure::Unauthorized),
        (404, said(), ModelFailure::NotFound),
        (429, said(), ModelFailure::RateLimited { retry_after_seconds: None }),
        (413, json!({}), ModelFailure::TooLong),
        (400, error("boom", "context_length_exceeded"), ModelFailure::TooLong),
        (400, error("This model's maximum context length is 8", ""), ModelFailure::TooLong),
        (400, error("boom", "content_filter"), ModelFailure::ContentFilter),
        (400, said(), ModelFailure::Refused("400: boom".into())),
        (422, json!({"detail": "boom"}), ModelFailure::Refused("422: boom".into())),
        (418, json!({"error": "boom"}), ModelFailure::Refused("418: boom".into())),
        (500, said(), ModelFailure::Unavailable("500: boom".into())),
        (503, json!({}), ModelFailure::Unavailable("503: {}".into())),
    ] {
        assert_eq!(refused(status, body).await, failure, "{status}");
    }
}

#[tokio::test]
async fn wait_that_is_asked_for_is_told_within_reason() {
    let now = "Sun, 22 Nov 2026 10:00:00 GMT";
    for (text, wait) in [
        ("7", Some(7)),
        ("0", Some(0)),
        ("1.2", Some(2)),
        ("99999999999999999999999", Some(86_400)),
        ("-1", None),
        ("soon", None),
        ("NaN", None),
        ("Sun, 22 Nov 2026 10:01:30 GMT", Some(90)),
        ("Sun, 22 Nov 2026 09:00:00 GMT", Some(0)),
        ("Sun, 22 Nov 2099 10:00:00 GMT", Some(86_400)),
    ] {
        let reply = Reply::whole(429, json!({})).header("date", now).header("retry-after", text);
        let stub = always(reply);

        let (_, failure) = failed(config(&stub), "hello").await;

        assert_eq!(failure, ModelFailure::RateLimited { retry_after_seconds: wait }, "{text}");
    }
}

#[tokio::test]
async fn server_that_is_not_there_is_unavailable() {
    let stub = always(Reply::mute());
    let config = config(&stub);
    drop(stub);

    let (_, failure) = failed(config, "hello").await;

    assert_eq!(failure, ModelFailure::Unavailable("no connection".into()));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let reply = Reply::whole(307, error("elsewhere", "")).header("location", "http://localhost/");
    let stub = always(reply);

    let (_, failure) = failed(config(&stub), "hello").await;

    let target = "307: the address has moved to http://localhost/";
    assert_eq!(failure, ModelFailure::Refused(target.into()));
}

#[tokio::test]
async fn long_error_is_told_in_short() {
    let failure = refused(400, error(&"long ".repeat(100_000), "")).await;

    assert!(matches!(&failure, ModelFailure::Refused(text) if text.len() < 400), "{failure:?}");
}

#[tokio::test]
async fn no_failure_holds_the_key() {
    let echo = format!("no such key: {KEY}, see https://u:p@example.org/?key={KEY}");
    for status in [400, 401, 404, 429, 500] {
        let failure = refused(status, error(&echo, KEY)).await;

        let texts = format!("{failure} {failure:?}");
        assert!(!texts.contains(KEY) && !texts.contains("u:p@"), "{texts}");
    }
}

#[test]
fn neither_key_nor_address_shows_what_it_should_not() {
    let config = OpenAiConfig::new("http://user:word@host/v1?a=b", Some(Secret::new(KEY)));

    let shown = format!("{config:?}");
    let error = OpenAiModel::new(config).unwrap_err();

    assert!(shown.contains("http://host/v1"), "{shown}");
    for hidden in [KEY, "word", "a=b"] {
        assert!(!format!("{shown} {error} {error:?}").contains(hidden), "{hidden}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for url in ["", "host/v1", "ftp://host/v1", "http://", "http://host/v1#x", "http://a b/v1"] {
        assert!(OpenAiModel::new(OpenAiConfig::new(url, None)).is_err(), "{url}");
    }
    let key = Some(Secret::new("two\nlines"));
    assert!(OpenAiModel::new(OpenAiConfig::new("http://host/v1", key)).is_err());
}

#[test]
fn description_names_the_server() {
    let model = OpenAiModel::new(OpenAiConfig::new("http://127.0.0.1:11434/v1/", None)).unwrap();

    assert_eq!(model.describe(), "OpenAI-compatible server at 127.0.0.1:11434");
}
