//! Asking for tools, and taking their results.

use serde_json::json;

use super::super::input::ModelAnswer;
use super::super::step::{Effects, EventDraft, Step};
use super::end::Failure;
use super::{Phase, Round, Turn};
use crate::budget::Tokens;
use crate::conversation::event::EventType;
use crate::ids::CallId;
use crate::time::Timestamp;
use crate::tool::{ToolCall, ToolOutcome};

impl Turn {
    pub(super) fn ask_tools(mut self, answer: ModelAnswer, mut effects: Effects) -> Step {
        let round = u32::try_from(self.rounds.len()).unwrap_or(u32::MAX);
        for (index, call) in answer.tool_calls.into_iter().enumerate() {
            effects.tools.push(ToolCall {
                call_id: CallId::derived(self.id, round, index),
                model_call_id: call.id,
                tool_name: call.name,
                arguments: call.arguments,
            });
        }
        effects.record.extend(effects.tools.iter().map(|call| self.requested(call)));
        self.prompt_tokens = self.prompt_tokens.saturating_add(answer.tokens);
        let calls = effects.tools.iter().map(|call| (call.clone(), None)).collect();
        self.rounds.push(Round { text: answer.text, calls });
        if !self.kept.is_empty() {
            self.kept.push_str("\n\n");
        }
        self.phase = Phase::AwaitingTools;
        self.then(effects, None)
    }

    /// Whether the outcome is of a call that has none yet.
    pub(super) fn waits_for(&self, outcome: &ToolOutcome) -> bool {
        let open = |(call, done): &(ToolCall, Option<ToolOutcome>)| {
            call.call_id == outcome.call_id && done.is_none()
        };
        self.rounds.last().is_some_and(|round| round.calls.iter().any(open))
    }

    /// The calls that have no outcome yet.
    pub fn open_calls(&self) -> impl Iterator<Item = &ToolCall> {
        let calls = self.rounds.last().map(|round| round.calls.iter()).into_iter().flatten();
        calls.filter(|(_, outcome)| outcome.is_none()).map(|(call, _)| call)
    }

    pub(super) fn tool_finished(
        mut self,
        outcome: &ToolOutcome,
        tokens: Tokens,
        now: Timestamp,
    ) -> Step {
        self.prompt_tokens = self.prompt_tokens.saturating_add(tokens);
        if let Some(round) = self.rounds.last_mut() {
            for (call, done) in &mut round.calls {
                if call.call_id == outcome.call_id {
                    *done = Some(outcome.clone());
                }
            }
        }
        if self.open_calls().next().is_some() {
            return self.then(Effects::default(), None);
        }
        if self.prompt_tokens > self.prompt_limit() {
            let text = self.kept.clone();
            return self.fail(Effects::default(), &Failure::too_long(), &text, now);
        }
        self.ask_budget(Effects::default())
    }

    fn requested(&self, call: &ToolCall) -> EventDraft {
        let what = format!("requested/{}", call.call_id);
        let mut event = self.draft(EventType::ToolRequested, &what, "");
        event.metadata.insert("call_id".into(), json!(call.call_id));
        event.metadata.insert("tool_call_id".into(), json!(call.model_call_id));
        event.metadata.insert("tool_name".into(), json!(call.tool_name));
        event.metadata.insert("arguments".into(), json!(call.arguments));
        event
    }
}
