//! One case, and how it is played.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use soma_core::contract::model::request;
use soma_core::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use soma_core::ports::Model;
use soma_core::ports::model::{ModelEvent, ModelStream};
use soma_model::{OpenAiConfig, OpenAiModel};
use soma_tests::stub_model::{Reply, StubModel};

/// A case.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) sent: Reply,
    pub(crate) right: Seen,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) text: String,
    thought: String,
    /// Names and arguments of the calls.
    pub(crate) calls: Vec<(String, String)>,
    usage: Option<Usage>,
    pub(crate) end: Option<End>,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Finished(FinishReason),
    /// The kind of failure, and something that its text has.
    Failed(&'static str, String),
}

impl Row {
    /// A case in which this is sent; until it is said otherwise, it is right to answer `hi`.
    pub(crate) fn new(name: &'static str, sent: Reply) -> Self {
        let end = Some(End::Finished(FinishReason::Stop));
        Self { name, sent, right: Seen { text: "hi".into(), end, ..Seen::default() } }
    }

    /// A stream of these documents, and its end.
    pub(crate) fn stream(name: &'static str, documents: &[Value]) -> Self {
        Self::new(name, stream(documents).done())
    }

    pub(crate) fn says(mut self, text: &str) -> Self {
        self.right.text = text.into();
        self
    }

    pub(crate) fn thinks(mut self, thought: &str) -> Self {
        self.right.thought = thought.into();
        self
    }

    pub(crate) fn calls(mut self, calls: &[(&str, &str)]) -> Self {
        let owned = |(name, arguments): &(&str, &str)| ((*name).into(), (*arguments).into());
        self.right.calls = calls.iter().map(owned).collect();
        self.right.text = String::new();
        self.ends(FinishReason::ToolCalls)
    }

    pub(crate) fn uses(mut self, prompt_tokens: u64, completion_tokens: u64) -> Self {
        self.right.usage = Some(Usage { prompt_tokens, completion_tokens, estimated: false });
        self
    }

    pub(crate) fn ends(mut self, finish: FinishReason) -> Self {
        self.right.end = Some(End::Finished(finish));
        self
    }

    /// It fails before anything was said, with a failure of this kind, whose text has `part`.
    pub(crate) fn fails(mut self, kind: &'static str, part: &str) -> Self {
        self.right = Seen { end: Some(End::Failed(kind, part.into())), ..Seen::default() };
        self
    }

    /// It fails after this was said.
    pub(crate) fn fails_after(self, text: &str, kind: &'static str, part: &str) -> Self {
        self.fails(kind, part).says(text)
    }
}

/// A stream of documents, whose end is not said.
pub(crate) fn stream(documents: &[Value]) -> Reply {
    documents.iter().fold(Reply::stream(), |reply, document| reply.data(&document.to_string()))
}

/// Asks as the case wants it.
pub(crate) async fn play(row: &Row) -> Seen {
    let sent = row.sent.clone();
    let stub = StubModel::start(move |_| sent.clone()).unwrap();
    let (first_byte, silence) = (Duration::from_secs(5), Duration::from_secs(5));
    let config = OpenAiConfig { first_byte, silence, ..OpenAiConfig::new(stub.base_url(), None) };
    let model = OpenAiModel::new(config).unwrap();
    match model.generate(request("hello")).await {
        Ok(events) => look(row, events).await.0,
        Err(failure) => Seen { end: Some(failed(&failure, row)), ..Seen::default() },
    }
}

/// What an answer comes to, and the tools it asks for, as a turn has them.
pub(crate) async fn look(row: &Row, mut events: ModelStream) -> (Seen, Vec<ModelToolCall>) {
    let (mut seen, mut asks) = (Seen::default(), Vec::new());
    while let Some(event) = events.next().await {
        assert_eq!(seen.end, None, "{}: something follows the end", row.name);
        match event {
            Ok(ModelEvent::Text(text)) => seen.text.push_str(&text),
            Ok(ModelEvent::Reasoning(thought)) => seen.thought.push_str(&thought),
            Ok(ModelEvent::Done { tool_calls, finish, usage, .. }) => {
                let ids: std::collections::BTreeSet<_> =
                    tool_calls.iter().map(|call| call.id.clone()).collect();
                assert!(
                    ids.len() == tool_calls.len() && !ids.contains(""),
                    "{}: {ids:?}",
                    row.name
                );
                asks.clone_from(&tool_calls);
                let calls = tool_calls.into_iter().map(|call| (call.name, call.arguments));
                (seen.calls, seen.usage) = (calls.collect(), usage);
                seen.end = Some(End::Finished(finish));
            }
            Err(failure) => seen.end = Some(failed(&failure, row)),
        }
    }
    (seen, asks)
}

/// The failure as the row tells it, if it is the right one.
fn failed(failure: &ModelFailure, row: &Row) -> End {
    let text = failure.to_string();
    match &row.right.end {
        Some(End::Failed(_, part)) if text.contains(part) => {
            End::Failed(failure.kind(), part.clone())
        }
        _ => End::Failed(failure.kind(), text),
    }
}
