//! The default when no language model is configured: says so, and shows what the platform does.

mod text;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{StreamExt, iter};
use soma_core::budget::Tokens;
use soma_core::conversation::model::{
    ChatMessage, FinishReason, ModelFailure, ModelToolCall, Usage,
};
use soma_core::ports::model::{ModelEvent, ModelRequest, ModelStream};
use soma_core::ports::{Model, Timer};

use crate::tokens::estimate;

/// The name it gives itself.
const NAME: &str = "offline";
/// How many words a long answer has if nobody says.
const LONG: u64 = 400;
/// How many it has at most.
const LONGEST: u64 = 100_000;
/// The time between two words.
const PACE: Duration = Duration::from_millis(15);

/// Answers without a language model: deterministic, word by word.
///
/// It says that no model is connected and how to connect one, shows what it was given, asks for a tool
/// when the message is `/tool NAME {json}`, and counts to `N` when it is `/long N`.
#[derive(Clone)]
pub struct OfflineModel {
    timer: Arc<dyn Timer>,
    pace: Duration,
}

impl OfflineModel {
    /// A model that says about 60 words a second.
    pub fn new(timer: Arc<dyn Timer>) -> Self {
        Self { timer, pace: PACE }
    }

    /// The same at another pace: the time between two words.
    #[must_use]
    pub fn paced(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }
}

#[async_trait]
impl Model for OfflineModel {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let prompt_tokens =
            request.messages.iter().map(|message| message.tokens(&estimate)).sum::<Tokens>();
        let (whole, call) = reply(&request);
        let text = within(request.max_tokens, &whole);
        let done = ModelEvent::Done {
            usage: Some(Usage {
                prompt_tokens,
                completion_tokens: estimate(text),
                estimated: false,
            }),
            finish: if call.is_some() {
                FinishReason::ToolCalls
            } else if text.len() < whole.len() {
                FinishReason::Length
            } else {
                FinishReason::Stop
            },
            tool_calls: call.into_iter().collect(),
            model: NAME.into(),
        };
        let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let (timer, pace) = (Arc::clone(&self.timer), self.pace);
        let spoken = iter(words).then(move |word| {
            let timer = Arc::clone(&timer);
            async move {
                if !pace.is_zero() {
                    timer.sleep(pace).await;
                }
                Ok(ModelEvent::Text(word))
            }
        });
        Ok(spoken.chain(iter([Ok(done)])).boxed())
    }

    fn count(&self, text: &str) -> Tokens {
        estimate(text)
    }

    fn describe(&self) -> String {
        "offline stand-in (set SLM_BASE_URL and SLM_MODEL to connect a language model)".into()
    }
}

/// As many words of `text` as have at most so many tokens.
fn within(tokens: Tokens, text: &str) -> &str {
    let ends = text.split_inclusive(' ').scan(0, |end, word| {
        *end += word.len();
        Some(*end)
    });
    let end = ends.take_while(|end| estimate(&text[..*end]) <= tokens).last();
    &text[..end.unwrap_or(0)]
}

/// What is said, and the tool that is asked for.
fn reply(request: &ModelRequest) -> (String, Option<ModelToolCall>) {
    if let Some(ChatMessage::Tool { content, .. }) = request.messages.last() {
        return (text::tool_answered(content), None);
    }
    let message = request.messages.iter().rev().find_map(|message| match message {
        ChatMessage::User { content } => Some(content.as_str()),
        ChatMessage::System { .. } | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => {
            None
        }
    });
    let message = message.unwrap_or_default();
    if let Some(number) = command("/long", message) {
        return (text::count_up(number.parse().unwrap_or(LONG).min(LONGEST)), None);
    }
    let Some(command) = command("/tool", message) else {
        return (text::explain(request, message), None);
    };
    let (name, arguments) = command.split_once(char::is_whitespace).unwrap_or((command, "{}"));
    if !request.tools.iter().any(|tool| tool.name == name) {
        return (text::no_such_tool(request, name), None);
    }
    let call = ModelToolCall {
        id: "call_0".into(),
        name: name.into(),
        arguments: arguments.trim().into(),
    };
    (String::new(), Some(call))
}

/// What follows a command; none if the message is another.
fn command<'a>(name: &str, message: &'a str) -> Option<&'a str> {
    let rest = message.strip_prefix(name)?;
    rest.chars().next().is_none_or(char::is_whitespace).then(|| rest.trim())
}

soma_core::opaque_debug!(OfflineModel);
