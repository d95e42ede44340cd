//! From the accepted message to the first reservation.

use serde_json::{Value, json};

use super::super::config::TurnConfig;
use super::super::input::{Accepted, Context};
use super::super::step::{Effects, EventDraft, Request, Step};
use super::end::Failure;
use super::{Choice, Phase, Turn};
use crate::budget::window::BudgetWindow;
use crate::conversation::analysis::analyse;
use crate::conversation::escalation;
use crate::conversation::event::{EventType, Role};
use crate::policy::{Action, Decision};
use crate::time::Timestamp;

impl Turn {
    pub(super) fn accept(mut self, accepted: Accepted, now: Timestamp) -> Step {
        let mut metadata = accepted.metadata.clone();
        if !accepted.attachments.is_empty() {
            metadata.insert("attachments".into(), json!(accepted.attachments));
        }
        let said = EventDraft {
            event_id: accepted.event_id,
            role: Role::User,
            kind: EventType::UserMessage,
            message: accepted.message.clone(),
            metadata,
        };
        let analysis = analyse(&accepted.message);
        self.escalation =
            Some(escalation::decide(&accepted.message, &analysis, &accepted.metadata));
        self.analysis = Some(analysis);
        self.accepted = Some(accepted);
        self.phase = Phase::Accepted;
        self.window = BudgetWindow::at(now);
        self.then(Effects { record: vec![said], ..Effects::default() }, None)
    }

    pub(super) fn start(mut self, config: TurnConfig, tools: Option<Vec<String>>) -> Step {
        let wanted = self.escalation.as_ref().is_some_and(|escalation| escalation.escalate);
        if wanted && config.escalation.is_some() {
            self.choice = Choice::Escalation;
        }
        self.config = Some(config);
        self.tools = tools;
        self.phase = Phase::Authorizing;
        let started = self.draft(EventType::AssistantStarted, "started", "");
        let mut thinking = self.draft(EventType::AssistantThinking, "thinking", "");
        thinking.metadata.insert("analysis".into(), json!(self.analysis));
        thinking.metadata.insert("escalation".into(), json!(self.escalation));
        let effects = Effects { record: vec![started, thinking], ..Effects::default() };
        self.then(effects, Some(Request::Authorize))
    }

    pub(super) fn authorize(mut self, decisions: Vec<Decision>, now: Timestamp) -> Step {
        let of = |action| decisions.iter().find(|decision| decision.action == action);
        let allows = |action| of(action).is_some_and(|decision| decision.allow);
        self.may_remember = allows(Action::MemoryWrite);
        let recall = allows(Action::MemoryRecall);
        let denied = match of(Action::ConversationSend) {
            Some(decision) if decision.allow => None,
            Some(decision) => Some(decision.reason()),
            None => Some("policy did not decide".into()),
        };
        let effects = Effects { decisions, ..Effects::default() };
        if let Some(reason) = denied {
            self.may_remember = false;
            return self.fail(effects, &Failure::policy_denied(&reason), "", now);
        }
        self.phase = Phase::Gathering;
        let prompt_limit = self.prompt_limit();
        self.then(effects, Some(Request::GatherContext { prompt_limit, recall }))
    }

    pub(super) fn load(mut self, context: Context, now: Timestamp) -> Step {
        let mut effects = Effects::default();
        if !context.recalled.is_empty() || context.recall_error.is_some() {
            effects.record.push(self.recalled(&context));
        }
        self.prompt_tokens = context.prompt_tokens;
        self.context = Some(context);
        if self.prompt_tokens > self.prompt_limit() {
            return self.fail(effects, &Failure::too_long(), "", now);
        }
        self.ask_budget(effects)
    }

    fn recalled(&self, context: &Context) -> EventDraft {
        let mut event = self.draft(EventType::ContextRecalled, "recalled", "");
        event.role = Role::System;
        event.metadata.insert("hits".into(), json!(context.recalled));
        if let Some(error) = &context.recall_error {
            event.metadata.insert("error".into(), Value::from(error.as_str()));
        }
        event
    }
}
