//! One answer, put together from its chunks.

use soma_core::conversation::model::{FinishReason, ModelFailure, Usage};
use soma_core::ports::model::ModelEvent;

use super::calls::Calls;
use super::json::Halves;
use super::think::{Piece, Thinking};
use super::wire::{Choice, Chunk};

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    thinking: Thinking,
    halves: Halves,
    calls: Calls,
    /// The text of the answer.
    text: String,
    /// Whether anything was thought.
    thought: bool,
    /// Whether it came in one, be it empty.
    in_one: bool,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
    model: Option<String>,
}

impl Answer {
    /// Takes a chunk, whose texts may have halves of surrogate pairs; answers what it adds.
    ///
    /// # Errors
    ///
    /// [`ModelFailure::Broken`] if more came than any answer has, and what the reason for the end says.
    pub(super) fn take(
        &mut self,
        chunk: Chunk,
        has_halves: bool,
    ) -> Result<Vec<ModelEvent>, ModelFailure> {
        self.model = chunk.model.or(self.model.take());
        self.usage = chunk.usage.or(self.usage);
        let Some(choice) = chunk.choice else { return Ok(Vec::new()) };
        let Choice { mut text, reasoning, calls, finish, is_message, is_piece } = choice;
        self.in_one = !is_piece;
        if has_halves || self.halves.waits() {
            text = self.halves.join(&text);
        }
        if is_message && let Some(rest) = text.strip_prefix(self.text.as_str()) {
            // All of it once more, at the end of a stream.
            text = rest.to_owned();
        }
        let mut events = Vec::new();
        if !reasoning.is_empty() {
            self.thought = true;
            events.push(ModelEvent::Reasoning(reasoning));
        }
        let pieces = self.thinking.take(&text);
        events.extend(pieces.into_iter().map(|piece| self.piece(piece)));
        calls.into_iter().try_for_each(|call| self.calls.take(call))?;
        if let Some(reason) = finish {
            self.finish = Some(finish_of(&reason)?);
        }
        Ok(events)
    }

    /// Whether the server said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether it came in one, be it empty, and not in pieces of which some may be missing.
    pub(super) const fn is_in_one(&self) -> bool {
        self.in_one
    }

    /// The end of the answer to a request: what was held back, and the end itself.
    pub(super) fn done(mut self, asked: &Asked) -> Vec<ModelEvent> {
        let half = self.halves.end().map(String::from);
        let last = half.map(|half| self.thinking.take(&half)).unwrap_or_default();
        let last: Vec<Piece> = last.into_iter().chain(self.thinking.end()).collect();
        let mut events: Vec<ModelEvent> = last.into_iter().map(|piece| self.piece(piece)).collect();
        let finish = self.finish.unwrap_or(FinishReason::Stop);
        let asks = finish == FinishReason::Stop && !self.calls.is_empty();
        let finish = if asks { FinishReason::ToolCalls } else { finish };
        let silent = self.text.is_empty() && !self.thought && self.calls.is_empty();
        // Who said something has used something.
        let counted = |usage: &Usage| silent || usage.completion_tokens > 0;
        events.push(ModelEvent::Done {
            tool_calls: self.calls.all(asked),
            finish,
            usage: self.usage.filter(counted),
            model: self.model.unwrap_or_else(|| asked.model.clone()),
        });
        events
    }

    fn piece(&mut self, piece: Piece) -> ModelEvent {
        match piece {
            Piece::Thought(thought) => {
                self.thought = true;
                ModelEvent::Reasoning(thought)
            }
            Piece::Text(text) => {
                self.text.push_str(&text);
                ModelEvent::Text(text)
            }
        }
    }
}

/// What was asked, as far as an answer needs it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The model.
    pub(super) model: String,
    /// Differs from request to request of a session.
    pub(super) request: String,
}

fn finish_of(reason: &str) -> Result<FinishReason, ModelFailure> {
    match reason {
        "length" | "max_tokens" | "model_length" | "MAX_TOKENS" => Ok(FinishReason::Length),
        "tool_calls" | "function_call" => Ok(FinishReason::ToolCalls),
        "content_filter" | "SAFETY" => Ok(FinishReason::ContentFilter),
        "error" => Err(ModelFailure::Unavailable("it says that it failed".into())),
        _ => Ok(FinishReason::Stop),
    }
}
