//! One answer, put together from its chunks.

use std::collections::{BTreeMap, BTreeSet};

use soma_core::conversation::model::{FinishReason, ModelToolCall, Usage};
use soma_core::ports::model::ModelEvent;

use super::wire::{Choice, Chunk, WireCall, WireUsage};

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    calls: BTreeMap<usize, ModelToolCall>,
    finish: Option<FinishReason>,
    usage: Option<WireUsage>,
    model: Option<String>,
}

impl Answer {
    /// Takes a chunk; answers the text in it.
    pub(super) fn take(&mut self, chunk: Chunk) -> String {
        if chunk.model.as_deref().is_some_and(|model| !model.is_empty()) {
            self.model = chunk.model;
        }
        self.usage = chunk.usage.or(self.usage);
        let mut text = String::new();
        // We ask for one choice; a server that sends more is heard on its first only.
        if let Some(choice) = chunk.choices.into_iter().next() {
            self.choose(choice, &mut text);
        }
        text
    }

    /// Whether the server said why it stopped.
    pub(super) const fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The end of the answer.
    pub(super) fn done(self, asked: String) -> ModelEvent {
        let finish = match self.finish.unwrap_or(FinishReason::Stop) {
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            finish => finish,
        };
        let usage = self.usage.map(|usage| Usage {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            estimated: false,
        });
        let tool_calls = unique(self.calls);
        ModelEvent::Done { tool_calls, finish, usage, model: self.model.unwrap_or(asked) }
    }

    fn choose(&mut self, choice: Choice, text: &mut String) {
        if let Some(said) = choice.delta.or(choice.message) {
            text.push_str(said.content.as_deref().unwrap_or_default());
            text.push_str(said.refusal.as_deref().unwrap_or_default());
            for (place, call) in said.tool_calls.into_iter().enumerate() {
                self.call(place, call);
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
    }

    /// Pieces of a call belong together by index; the id and the name may come late.
    fn call(&mut self, place: usize, piece: WireCall) {
        let index = piece.index.unwrap_or(place);
        let blank =
            || ModelToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        let call = self.calls.entry(index).or_insert_with(blank);
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        let function = piece.function.unwrap_or_default();
        call.name.push_str(function.name.as_deref().unwrap_or_default());
        call.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
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
