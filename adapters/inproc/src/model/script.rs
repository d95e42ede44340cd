//! What a scripted model does in one call.

use std::collections::VecDeque;
use std::time::Duration;

use soma_core::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use soma_core::flows::stop::Stop;

/// The model's name, by its own word.
pub(super) const NAME: &str = "scripted";

/// What a model does in one call, in order. A script that comes to no [`ScriptStep::Done`] and no
/// [`ScriptStep::Fail`] is an answer that breaks off.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: VecDeque<ScriptStep>,
}

/// One thing a model does.
#[derive(Clone, Debug)]
pub enum ScriptStep {
    /// It sends text.
    Text(String),
    /// It ends its answer.
    Done {
        /// The tools it asks for.
        tool_calls: Vec<ModelToolCall>,
        /// Why it stops.
        finish: FinishReason,
        /// What it says it used, if it says so.
        usage: Option<Usage>,
    },
    /// It fails; as the first step, it does not begin to answer.
    Fail(ModelFailure),
    /// It is silent until the signal is given, or for so long that it is given up.
    Hold(Stop),
    /// It is silent for so long.
    Pause(Duration),
    /// It tells what it thinks.
    Reasoning(String),
}

impl Script {
    /// A script that breaks off at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole answer, word by word.
    pub fn answer(text: &str) -> Self {
        let words = text.split_inclusive(' ').map(|word| ScriptStep::Text(word.to_owned()));
        Self { steps: words.collect() }.done()
    }

    /// A call that fails before it begins to answer.
    pub fn refusing(failure: ModelFailure) -> Self {
        Self::new().step(ScriptStep::Fail(failure))
    }

    /// Then it sends text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.step(ScriptStep::Text(text.into()))
    }

    /// Then it is silent until the signal is given.
    #[must_use]
    pub fn hold(self, until: &Stop) -> Self {
        self.step(ScriptStep::Hold(until.clone()))
    }

    /// Then it is silent for so long.
    #[must_use]
    pub fn pause(self, span: Duration) -> Self {
        self.step(ScriptStep::Pause(span))
    }

    /// Then it tells what it thinks.
    #[must_use]
    pub fn reasoning(self, text: impl Into<String>) -> Self {
        self.step(ScriptStep::Reasoning(text.into()))
    }

    /// Then it fails.
    #[must_use]
    pub fn fail(self, failure: ModelFailure) -> Self {
        self.step(ScriptStep::Fail(failure))
    }

    /// Then it is done, and does not say what it used.
    #[must_use]
    pub fn done(self) -> Self {
        let finish = FinishReason::Stop;
        self.step(ScriptStep::Done { tool_calls: Vec::new(), finish, usage: None })
    }

    /// Then it asks for tools.
    #[must_use]
    pub fn ask_for(self, tool_calls: Vec<ModelToolCall>) -> Self {
        self.step(ScriptStep::Done { tool_calls, finish: FinishReason::ToolCalls, usage: None })
    }

    /// Then it does this.
    #[must_use]
    pub fn step(mut self, step: ScriptStep) -> Self {
        self.steps.push_back(step);
        self
    }

    pub(super) fn refusal(&self) -> Option<ModelFailure> {
        match self.steps.front() {
            Some(ScriptStep::Fail(failure)) => Some(failure.clone()),
            Some(
                ScriptStep::Text(_)
                | ScriptStep::Done { .. }
                | ScriptStep::Hold(_)
                | ScriptStep::Pause(_)
                | ScriptStep::Reasoning(_),
            )
            | None => None,
        }
    }

    pub(super) fn into_steps(self) -> VecDeque<ScriptStep> {
        self.steps
    }
}
