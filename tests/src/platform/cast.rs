//! A model that answers each request by what it says, however often it is asked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soma_core::budget::Tokens;
use soma_core::conversation::model::{ChatMessage, ModelFailure, ModelToolCall};
use soma_core::ports::Model;
use soma_core::ports::model::{ModelRequest, ModelStream};
use soma_inproc::{Script, ScriptedModel};

use super::stage::Stage;

/// How long it may be silent.
const PATIENCE: Duration = Duration::from_mins(2);

type Choose = dyn Fn(&ModelRequest, usize) -> Script + Send + Sync;

/// Chooses a script by the request and by how many requests of its turn came before: the same
/// whatever happens to other turns.
pub struct Cast {
    choose: Box<Choose>,
    scripted: ScriptedModel,
}

impl Cast {
    /// A model that answers by `choose`.
    pub fn new<C>(stage: &Stage, choose: C) -> Arc<Self>
    where
        C: Fn(&ModelRequest, usize) -> Script + Send + Sync + 'static,
    {
        let scripted = ScriptedModel::new(Script::new(), Arc::clone(&stage.timer), PATIENCE);
        Arc::new(Self { choose: Box::new(choose), scripted })
    }

    /// A model that answers every request by this text.
    pub fn saying(stage: &Stage, text: &str) -> Arc<Self> {
        let text = text.to_owned();
        Self::new(stage, move |_, _| Script::answer(&text))
    }

    /// What it was asked so far.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.scripted.requests()
    }

    /// How many calls are under way.
    pub fn under_way(&self) -> usize {
        self.scripted.under_way()
    }
}

#[async_trait]
impl Model for Cast {
    async fn generate(&self, request: ModelRequest) -> Result<ModelStream, ModelFailure> {
        let earlier = self.requests();
        let before = earlier.iter().filter(|earlier| earlier.turn_id == request.turn_id).count();
        self.scripted.then((self.choose)(&request, before));
        self.scripted.generate(request).await
    }

    fn count(&self, text: &str) -> Tokens {
        self.scripted.count(text)
    }

    fn describe(&self) -> String {
        "a cast".into()
    }
}

soma_core::opaque_debug!(Cast);

/// What the person said last.
pub fn last_words(request: &ModelRequest) -> &str {
    let said = request.messages.iter().rev().find_map(|message| match message {
        ChatMessage::User { content } => Some(content.as_str()),
        ChatMessage::System { .. } | ChatMessage::Assistant { .. } | ChatMessage::Tool { .. } => {
            None
        }
    });
    said.unwrap_or_default()
}

/// Whether tools have answered in this turn.
pub fn has_tool_results(request: &ModelRequest) -> bool {
    matches!(request.messages.last(), Some(ChatMessage::Tool { .. }))
}

/// A script that says `text` and asks for these tools.
pub fn asks_for(text: &str, tools: &[(&str, &str)]) -> Script {
    let calls = tools.iter().enumerate().map(|(index, (name, arguments))| ModelToolCall {
        id: format!("call-{index}"),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    });
    let said = Script::new();
    let said = if text.is_empty() { said } else { said.text(text) };
    said.ask_for(calls.collect())
}
