//! What a scripted model does in one call.

use std::collections::VecDeque;

use soma_core::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use soma_core::flows::stop::Stop;

/// The model's name, by its own word.
pub(super) const NAME: &str = "scripted";

/// What a model does in one call, in order. A script that comes to no [`Beat::Done`] and no
/// [`Beat::Fail`] is an answer that breaks off.
#[derive(Clone, Debug, Default)]
pub struct Script {
    beats: VecDeque<Beat>,
}

/// One thing a model does.
#[derive(Clone, Debug)]
pub enum Beat {
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
    /// It fails; as the first beat, it does not begin to answer.
    Fail(ModelFailure),
    /// It is silent until the signal is given, or for so long that it is given up.
    Hold(Stop),
}

impl Script {
    /// A script that breaks off at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole answer, word by word.
    pub fn answer(text: &str) -> Self {
        let words = text.split_inclusive(' ').map(|word| Beat::Text(word.to_owned()));
        Self { beats: words.collect() }.done()
    }

    /// A call that fails before it begins to answer.
    pub fn refusing(failure: ModelFailure) -> Self {
        Self::new().beat(Beat::Fail(failure))
    }

    /// Then it sends text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.beat(Beat::Text(text.into()))
    }

    /// Then it is silent until the signal is given.
    #[must_use]
    pub fn hold(self, until: &Stop) -> Self {
        self.beat(Beat::Hold(until.clone()))
    }

    /// Then it fails.
    #[must_use]
    pub fn fail(self, failure: ModelFailure) -> Self {
        self.beat(Beat::Fail(failure))
    }

    /// Then it is done, and does not say what it used.
    #[must_use]
    pub fn done(self) -> Self {
        let finish = FinishReason::Stop;
        self.beat(Beat::Done { tool_calls: Vec::new(), finish, usage: None })
    }

    /// Then it asks for tools.
    #[must_use]
    pub fn ask_for(self, tool_calls: Vec<ModelToolCall>) -> Self {
        self.beat(Beat::Done { tool_calls, finish: FinishReason::ToolCalls, usage: None })
    }

    /// Then it does this.
    #[must_use]
    pub fn beat(mut self, beat: Beat) -> Self {
        self.beats.push_back(beat);
        self
    }

    pub(super) fn refusal(&self) -> Option<ModelFailure> {
        match self.beats.front() {
            Some(Beat::Fail(failure)) => Some(failure.clone()),
            Some(Beat::Text(_) | Beat::Done { .. } | Beat::Hold(_)) | None => None,
        }
    }

    pub(super) fn into_beats(self) -> VecDeque<Beat> {
        self.beats
    }
}
