//! Reserving tokens, asking the model, and what becomes of its answer.

use serde_json::json;

use super::super::input::ModelAnswer;
use super::super::step::{Effects, EventDraft, Generate, Request, Step};
use super::end::Failure;
use super::{Choice, Phase, Turn, seconds_until_end};
use crate::budget::window::BudgetWindow;
use crate::budget::{Grant, Reservation, Tokens, UsageChange};
use crate::conversation::event::EventType;
use crate::conversation::model::{FinishReason, ModelFailure, Usage};
use crate::time::Timestamp;

/// A model that wants to be left alone for longer than this is not waited for.
const LONGEST_WAIT_SECONDS: u64 = 60;

impl Turn {
    /// Sets tokens aside for the next model call.
    pub(super) fn ask_budget(mut self, effects: Effects) -> Step {
        self.phase = Phase::Reserving;
        self.model_calls += 1;
        let most = self.profile().map_or(0, |profile| profile.max_tokens);
        let least = self.config.as_ref().map_or(1, |config| config.least_answer_tokens).min(most);
        let call = Request::Reserve {
            call: self.model_calls,
            window: self.window,
            want: self.prompt_tokens.saturating_add(most),
            least: self.prompt_tokens.saturating_add(least),
        };
        self.then(effects, Some(call))
    }

    pub(super) fn reserve(mut self, window: BudgetWindow, grant: Grant, now: Timestamp) -> Step {
        self.window = window;
        let (Grant::Granted(amount), Some(Reservation { key, account, window }), Some(profile)) =
            (grant, self.reservation(self.model_calls), self.profile().cloned())
        else {
            let failure = Failure::over_budget(seconds_until_end(window, now));
            let text = self.kept.clone();
            return self.fail(Effects::default(), &failure, &text, now);
        };
        self.reserved = amount;
        self.phase = Phase::Generating;
        let limit = self.config.as_ref().and_then(|config| config.budget_limit);
        let reserve = UsageChange::Reserve { key, account, window, amount, limit };
        let rounds = self.config.as_ref().map_or(0, |config| config.max_tool_rounds);
        let may_use_tools = profile.abilities.tools != Some(false);
        let generate = Generate {
            profile,
            max_tokens: amount.saturating_sub(self.prompt_tokens).max(1),
            call: self.model_calls,
            attempt: self.attempt,
            kept: self.kept.clone(),
            streamed: self.streamed,
            tools: may_use_tools && self.rounds.len() < rounds as usize,
            failures: self.failures,
            wait_seconds: self.wait_seconds,
        };
        let effects = Effects { usage: vec![reserve], ..Effects::default() };
        self.then(effects, Some(Request::Generate(generate)))
    }

    pub(super) fn answer(mut self, answer: ModelAnswer, now: Timestamp) -> Step {
        let rounds = self.config.as_ref().map_or(0, |config| config.max_tool_rounds);
        let wants_tools = !answer.tool_calls.is_empty() && self.rounds.len() < rounds as usize;
        if !wants_tools && self.kept.is_empty() && answer.text.is_empty() {
            let told = self.nothing_said(&answer);
            let empty = ModelFailure::Refused("the answer was empty".into());
            return self.call_failed((&empty, &told), "", answer.usage, now);
        }
        let effects = self.settle(answer.usage);
        self.kept.push_str(&answer.text);
        self.streamed = self.kept.len();
        self.failures = 0;
        self.wait_seconds = 0;
        if wants_tools {
            self.ask_tools(answer, effects)
        } else {
            self.finish(&answer, effects, now)
        }
    }

    /// Why an answer without text is none.
    fn nothing_said(&self, answer: &ModelAnswer) -> Failure {
        match answer.finish {
            FinishReason::ContentFilter => Failure::model(&ModelFailure::ContentFilter),
            FinishReason::Length => {
                Failure::out_of_tokens(self.reserved.saturating_sub(self.prompt_tokens).max(1))
            }
            FinishReason::Stop | FinishReason::ToolCalls if answer.tool_calls.is_empty() => {
                Failure::empty()
            }
            FinishReason::Stop | FinishReason::ToolCalls => {
                Failure::out_of_rounds(self.rounds.len())
            }
        }
    }

    /// Keeps the newest quarter of the history and no memories, once: the model cannot read what was
    /// taken to fit. Returns whether that makes the prompt shorter.
    fn cut_window(&mut self) -> bool {
        let Some(context) = self.context.as_mut().filter(|_| !self.is_cut) else { return false };
        if context.window.is_empty() && context.recalled.is_empty() {
            return false;
        }
        let dropped = context.window.len() - context.window.len() / 4;
        context.window.drain(..dropped);
        context.recalled.clear();
        self.is_cut = true;
        true
    }

    pub(super) fn model_failed(
        self,
        failure: &ModelFailure,
        text: &str,
        usage: Usage,
        now: Timestamp,
    ) -> Step {
        self.call_failed((failure, &Failure::model(failure)), text, usage, now)
    }

    /// A call failed; what people are told of it if nobody else is asked.
    fn call_failed(
        mut self,
        (failure, told): (&ModelFailure, &Failure),
        text: &str,
        usage: Usage,
        now: Timestamp,
    ) -> Step {
        let mut effects = self.settle(usage);
        let shorter = *failure == ModelFailure::TooLong && self.cut_window();
        if !shorter && !self.try_again(failure) {
            let text = format!("{}{text}", self.kept);
            return self.fail(effects, told, &text, now);
        }
        if !text.is_empty() {
            effects.record.push(self.restart("model_failed"));
        }
        self.ask_budget(effects)
    }

    /// Begins the answer anew. Whether the turn is what its worker died of is not judged here.
    pub(super) fn interrupted(mut self) -> Step {
        let mut effects = self.settle_in_full();
        effects.record.push(self.restart("worker_lost"));
        self.ask_budget(effects)
    }

    /// Begins the answer anew, elsewhere. It says nothing about the turn that a service stops, so it is
    /// neither a failure nor a loss.
    pub(super) fn released(mut self, text: &str, usage: Usage) -> Step {
        let mut effects = self.settle(usage);
        if !text.is_empty() {
            effects.record.push(self.restart("worker_stopped"));
        }
        self.ask_budget(effects)
    }

    /// The most tokens the prompt may have.
    pub(super) fn prompt_limit(&self) -> Tokens {
        let least = self.config.as_ref().map_or(1, |config| config.least_answer_tokens);
        self.profile().map_or(0, |profile| {
            profile.context_tokens.saturating_sub(profile.max_tokens.max(least))
        })
    }

    /// Settles the open reservation by what was used; nothing if none is open.
    pub(super) fn settle(&mut self, usage: Usage) -> Effects {
        if self.phase != Phase::Generating {
            return Effects::default();
        }
        self.usage = self.usage.plus(usage);
        self.reserved = 0;
        let settled = self.settlement(self.model_calls, usage.total());
        Effects { usage: settled.into_iter().collect(), ..Effects::default() }
    }

    /// Settles the open reservation as if all of it had been used: nobody knows how much was.
    pub(super) fn settle_in_full(&mut self) -> Effects {
        let prompt_tokens = self.prompt_tokens.min(self.reserved);
        let completion_tokens = self.reserved - prompt_tokens;
        self.settle(Usage { prompt_tokens, completion_tokens, estimated: true })
    }

    /// Chooses who is asked next, if anyone.
    fn try_again(&mut self, failure: &ModelFailure) -> bool {
        let tries = self.config.as_ref().map_or(1, |config| config.max_model_tries);
        let wait = failure.retry_after().map_or(0, |wait| wait.as_secs());
        self.failures += 1;
        if failure.is_transient() && self.failures < tries && wait <= LONGEST_WAIT_SECONDS {
            self.wait_seconds = wait;
            return true;
        }
        let fallback = self.config.as_ref().is_some_and(|config| config.fallback.is_some());
        if !fallback || self.choice == Choice::Fallback {
            return false;
        }
        self.choice = Choice::Fallback;
        self.failures = 0;
        self.wait_seconds = 0;
        true
    }

    /// Voids what was streamed: the answer starts anew under a higher attempt.
    pub(super) fn restart(&mut self, reason: &str) -> EventDraft {
        self.attempt += 1;
        self.streamed = 0;
        let what = format!("restarted/{}", self.attempt);
        let mut event = self.draft(EventType::AssistantRestarted, &what, "");
        event.metadata.insert("attempt".into(), json!(self.attempt));
        event.metadata.insert("reason".into(), json!(reason));
        event
    }
}
