//! The two ways a turn ends: with an answer, or with the reason why there is none.

use serde_json::{Map, json};

use super::super::input::ModelAnswer;
use super::super::step::{Effects, Step};
use super::{Phase, Turn};
use crate::budget::{Tokens, UsageChange};
use crate::conversation::escalation::cost_usd;
use crate::conversation::event::{EventType, Role};
use crate::conversation::model::{ModelFailure, Usage};
use crate::ids::EventId;
use crate::memory::MemoryWrite;
use crate::time::Timestamp;

/// Why a turn fails: a code for programs and a text for people.
#[derive(Debug)]
pub(super) struct Failure {
    reason: &'static str,
    message: String,
    retry_after_seconds: Option<u64>,
}

impl Failure {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry_after_seconds: None }
    }

    pub(super) fn policy_denied(why: &str) -> Self {
        Self::new("policy_denied", format!("This message was not allowed: {why}."))
    }

    pub(super) fn over_budget(retry_after_seconds: u64) -> Self {
        let message = "The token budget for today is used up. It is renewed at midnight UTC.";
        Self { retry_after_seconds: Some(retry_after_seconds), ..Self::new("over_budget", message) }
    }

    pub(super) fn too_long() -> Self {
        Self::new("too_long", "The message does not fit into what the language model can read.")
    }

    pub(super) fn empty() -> Self {
        Self::new("model_error", "There is no answer: what the language model said was empty.")
    }

    /// A model that reasons may use up all that it was given before it says anything.
    pub(super) fn out_of_tokens(most: Tokens) -> Self {
        let message = format!(
            "There is no answer: the language model used all of the {most} tokens that it may use \
             before it said anything. The setting max_tokens allows it more."
        );
        Self::new("model_error", message)
    }

    pub(super) fn out_of_rounds(rounds: usize) -> Self {
        let message = format!(
            "There is no answer: after {rounds} rounds of tools, the most that a turn may have, \
             the language model asked for more."
        );
        Self::new("model_error", message)
    }

    pub(super) fn model(failure: &ModelFailure) -> Self {
        let reason = match failure {
            ModelFailure::Timeout => "timeout",
            ModelFailure::TooLong => "too_long",
            ModelFailure::ContentFilter => "content_filter",
            ModelFailure::Unauthorized
            | ModelFailure::NotFound
            | ModelFailure::RateLimited { .. }
            | ModelFailure::Refused(_)
            | ModelFailure::Unavailable(_)
            | ModelFailure::Broken => "model_error",
        };
        Self::new(reason, format!("There is no answer: {failure}."))
    }
}

impl Turn {
    pub(super) fn finish(
        mut self,
        answer: &ModelAnswer,
        mut effects: Effects,
        now: Timestamp,
    ) -> Step {
        self.phase = Phase::Done;
        let mut event = self.draft(EventType::AssistantFinal, "final", &self.kept);
        event.metadata = Map::from_iter([
            ("attempt".into(), json!(self.attempt)),
            ("model".into(), json!(answer.model)),
            ("finish_reason".into(), json!(answer.finish)),
            ("usage".into(), self.usage_json()),
            ("escalation".into(), json!(self.escalation)),
            ("tool_rounds".into(), json!(self.rounds.len())),
        ]);
        if !answer.tool_calls.is_empty() {
            event.metadata.insert("tool_rounds_used_up".into(), json!(true));
        }
        if let Some(cost) = cost_usd(&answer.model, self.usage.total()) {
            event.metadata.insert("cost_estimate_usd".into(), json!(cost));
        }
        effects.memory.extend(self.remember_message(now));
        effects.memory.extend(self.remember(Role::Assistant, event.event_id, &self.kept, now));
        effects.record.push(event);
        self.then(effects, None)
    }

    pub(super) fn fail(
        mut self,
        mut effects: Effects,
        failure: &Failure,
        text: &str,
        now: Timestamp,
    ) -> Step {
        effects.usage.extend(self.release_unrecorded());
        self.phase = Phase::Done;
        let mut event = self.draft(EventType::TurnFailed, "failed", &failure.message);
        event.role = Role::System;
        event.metadata = Map::from_iter([
            ("reason".into(), json!(failure.reason)),
            ("attempt".into(), json!(self.attempt)),
            ("text".into(), json!(text)),
            ("usage".into(), self.usage_json()),
        ]);
        if let Some(seconds) = failure.retry_after_seconds {
            event.metadata.insert("retry_after_seconds".into(), json!(seconds));
        }
        effects.memory.extend(self.remember_message(now));
        effects.record.push(event);
        self.then(effects, None)
    }

    pub(super) fn cancelled(mut self, text: &str, usage: Usage, now: Timestamp) -> Step {
        let effects = self.settle(usage);
        let text = format!("{}{text}", self.kept);
        let failure = Failure::new("cancelled", "The answer was cancelled.");
        self.fail(effects, &failure, &text, now)
    }

    pub(super) fn gave_up(mut self, tries: u32, now: Timestamp) -> Step {
        let mut effects = self.settle_in_full();
        if self.phase == Phase::Generating {
            // What the lost worker streamed is on the clients' screens and nowhere else.
            effects.record.push(self.restart("worker_lost"));
        }
        let message = format!("The answer could not be completed in {tries} tries.");
        let text = self.kept.clone();
        self.fail(effects, &Failure::new("internal", message), &text, now)
    }

    /// Releases what a worker may have set aside and died before it was recorded; nothing if it
    /// did not.
    fn release_unrecorded(&self) -> Option<UsageChange> {
        let call = match self.phase {
            Phase::Generating => return None,
            Phase::Reserving => self.model_calls,
            Phase::New
            | Phase::Accepted
            | Phase::Authorizing
            | Phase::Gathering
            | Phase::AwaitingTools
            | Phase::Done => self.model_calls + 1,
        };
        self.settlement(call, 0)
    }

    fn usage_json(&self) -> serde_json::Value {
        json!({
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "total_tokens": self.usage.total(),
            "estimated": self.usage.estimated,
        })
    }

    fn remember_message(&self, now: Timestamp) -> Option<MemoryWrite> {
        let accepted = self.accepted.as_ref()?;
        self.remember(Role::User, accepted.event_id, &accepted.message, now)
    }

    fn remember(
        &self,
        role: Role,
        event_id: EventId,
        text: &str,
        at: Timestamp,
    ) -> Option<MemoryWrite> {
        let accepted = self.accepted.as_ref().filter(|_| self.may_remember && !text.is_empty())?;
        Some(MemoryWrite {
            key: MemoryWrite::key(&accepted.tenant, accepted.session_id, role, event_id),
            event_id,
            tenant: accepted.tenant.clone(),
            session_id: accepted.session_id,
            persona_id: accepted.persona_id.clone(),
            role,
            text: text.into(),
            importance: 0.5,
            at,
            metadata: Map::new(),
        })
    }
}
