//! A stub and a model that asks it.

use std::time::Duration;

use futures_util::StreamExt;
use soma_core::contract::model::request;
use soma_core::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use soma_core::ports::Model;
use soma_core::ports::model::{ModelEvent, ModelRequest};
use soma_model::{OpenAiConfig, OpenAiModel, Secret};
use soma_tests::stub_model::{Asked, Reply, StubModel};

/// The key that the stub is asked with.
pub(crate) const KEY: &str = "sk-very-secret";

/// Limits that no test reaches unless it wants to.
pub(crate) fn config(stub: &StubModel) -> OpenAiConfig {
    OpenAiConfig::new(stub.base_url(), Some(Secret::new(KEY)))
}

/// Limits that a test reaches soon.
pub(crate) fn impatient(stub: &StubModel) -> OpenAiConfig {
    let (first_byte, silence) = (Duration::from_secs(1), Duration::from_millis(300));
    OpenAiConfig { first_byte, silence, ..config(stub) }
}

pub(crate) fn stub(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> StubModel {
    StubModel::start(script).unwrap()
}

/// A stub that always answers the same.
pub(crate) fn always(reply: Reply) -> StubModel {
    stub(move |_| reply.clone())
}

/// A whole answer: its text, and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) text: String,
    pub(crate) tool_calls: Vec<ModelToolCall>,
    pub(crate) finish: FinishReason,
    pub(crate) usage: Option<Usage>,
    pub(crate) model: String,
}

/// Asks until the end.
pub(crate) async fn ask(
    config: OpenAiConfig,
    request: ModelRequest,
) -> (String, Result<Answered, ModelFailure>) {
    let model = OpenAiModel::new(config).unwrap();
    let mut stream = match model.generate(request).await {
        Ok(stream) => stream,
        Err(failure) => return (String::new(), Err(failure)),
    };
    let mut said = String::new();
    let end = loop {
        match stream.next().await.unwrap() {
            Ok(ModelEvent::Text(text)) => said.push_str(&text),
            Ok(ModelEvent::Reasoning(_)) => {}
            Ok(ModelEvent::Done { tool_calls, finish, usage, model }) => {
                break Ok(Answered { text: said.clone(), tool_calls, finish, usage, model });
            }
            Err(failure) => break Err(failure),
        }
    };
    assert!(stream.next().await.is_none(), "something follows {end:?}");
    (said, end)
}

/// The answer to a message.
pub(crate) async fn answered(stub: &StubModel, message: &str) -> Answered {
    ask(config(stub), request(message)).await.1.unwrap()
}

/// What was said before the answer failed, and why it did.
pub(crate) async fn failed(config: OpenAiConfig, message: &str) -> (String, ModelFailure) {
    let (said, end) = ask(config, request(message)).await;
    (said, end.unwrap_err())
}
