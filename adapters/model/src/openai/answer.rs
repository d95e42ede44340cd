//! One answer, assembled from its chunks.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::conversation::model::{FinishReason, ModelToolCall, Usage};
use soma_core::ports::model::ModelEvent;

use super::wire::{Choice, Chunk, WireCall, WireUsage};

/// The most that all calls of an answer may have together, in bytes.
const LONGEST_CALLS: usize = 1 << 20;

/// More came than any answer has.
#[derive(Debug)]
pub(super) struct TooMuch;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    calls: BTreeMap<usize, ModelToolCall>,
    /// The server's index of the last piece.
    index: usize,
    /// Where calls stand whose index was taken.
    moved: BTreeMap<usize, usize>,
    /// How many bytes of calls have come.
    call_bytes: usize,
    finish: Option<FinishReason>,
    usage: Option<WireUsage>,
    model: Option<String>,
}

impl Answer {
    /// Takes a chunk and returns the text in it.
    pub(super) fn take(&mut self, chunk: Chunk) -> Result<String, TooMuch> {
        if chunk.model.as_deref().is_some_and(|model| !model.is_empty()) {
            self.model = chunk.model;
        }
        self.usage = chunk.usage.or(self.usage);
        let mut text = String::new();
        // We ask for one choice; a server that sends more is heard on its first only.
        let first = chunk.choices.into_iter().find(|choice| choice.index.unwrap_or(0) == 0);
        if let Some(choice) = first {
            self.choose(choice, &mut text)?;
        }
        Ok(text)
    }

    /// Whether the server said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The end of the answer.
    pub(super) fn done(self, asked: String) -> ModelEvent {
        let finish = self.finish.unwrap_or(FinishReason::Stop);
        let asks = finish == FinishReason::Stop && !self.calls.is_empty();
        let finish = if asks { FinishReason::ToolCalls } else { finish };
        let usage = self.usage.map(|usage| Usage {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            estimated: false,
        });
        let tool_calls = unique(self.calls);
        ModelEvent::Done { tool_calls, finish, usage, model: self.model.unwrap_or(asked) }
    }

    fn choose(&mut self, choice: Choice, text: &mut String) -> Result<(), TooMuch> {
        if let Some(said) = choice.delta.or(choice.message) {
            text.push_str(said.content.as_deref().unwrap_or_default());
            text.push_str(said.refusal.as_deref().unwrap_or_default());
            for call in said.tool_calls {
                self.call(call)?;
            }
        }
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(match reason.as_str() {
                "length" | "max_tokens" => FinishReason::Length,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                "content_filter" => FinishReason::ContentFilter,
                _ => FinishReason::Stop,
            });
        }
        Ok(())
    }

    /// Pieces of a call belong together by index; the id and the name may come late.
    fn call(&mut self, piece: WireCall) -> Result<(), TooMuch> {
        let function = piece.function.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = function.arguments.unwrap_or_default();
        let id = piece.id.unwrap_or_default();
        // The one stands for a call of which nothing is said.
        self.call_bytes += id.len() + name.len() + arguments.len() + 1;
        if self.call_bytes > LONGEST_CALLS {
            return Err(TooMuch);
        }
        let place = self.place(piece.index, &id, &name);
        let call = self.calls.entry(place).or_insert_with(|| ModelToolCall {
            id: String::new(),
            name: String::new(),
            arguments: String::new(),
        });
        if !id.is_empty() {
            call.id = id;
        }
        // Some servers say the whole name with every piece.
        if call.name != name {
            call.name.push_str(&name);
        }
        call.arguments.push_str(&arguments);
        Ok(())
    }

    /// Where a piece belongs. Some servers give no index, or the same to all calls: then another id
    /// with a name begins another call.
    fn place(&mut self, index: Option<usize>, id: &str, name: &str) -> usize {
        self.index = index.unwrap_or(self.index);
        let place = self.moved.get(&self.index).copied().unwrap_or(self.index);
        let other = |call: &ModelToolCall| !call.id.is_empty() && call.id != id;
        let begins = !id.is_empty() && !name.is_empty();
        if !begins || !self.calls.get(&place).is_some_and(other) {
            return place;
        }
        let last = self.calls.last_key_value().map_or(0, |(place, _)| *place);
        self.moved.insert(self.index, last.saturating_add(1));
        last.saturating_add(1)
    }
}

/// The calls with ids that are there and differ.
fn unique(calls: BTreeMap<usize, ModelToolCall>) -> Vec<ModelToolCall> {
    let mut seen = BTreeSet::new();
    calls
        .into_iter()
        .map(|(index, mut call)| {
            if call.id.is_empty() {
                call.id = format!("call_{index}");
            }
            while !seen.insert(call.id.clone()) {
                call.id = format!("{}_{index}", call.id);
            }
            call
        })
        .collect()
}
