//! The state of a turn, and how each input changes it.

mod end;
mod model;
mod opening;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod tools;
mod write_off;

use serde::{Deserialize, Serialize};

use super::config::TurnConfig;
use super::input::{Accepted, Context, Input, RecordedInput};
use super::step::{Effects, EventDraft, Request, Step};
use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Reservation, ReservationKey, Tokens};
use crate::conversation::analysis::Analysis;
use crate::conversation::escalation::Escalation;
use crate::conversation::event::{EventType, Role};
use crate::conversation::model::Usage;
use crate::conversation::profile::ModelProfile;
use crate::digest::Digest32;
use crate::ids::{EventId, TurnId};
use crate::time::Timestamp;
use crate::tool::{ToolCall, ToolOutcome, ToolSpec};

/// Where a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has happened.
    New,
    /// The message is accepted and waits for a worker.
    Accepted,
    /// Policy is asked.
    Authorizing,
    /// History is read, memories are recalled.
    Gathering,
    /// Tokens are being set aside.
    Reserving,
    /// A model is answering: a reservation is open.
    Generating,
    /// Tools run; nothing is held in memory.
    AwaitingTools,
    /// The terminal event is recorded.
    Done,
}

/// Which of the profiles answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Dialogue,
    Escalation,
    Fallback,
}

/// What a model said before it asked for tools, and what they answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The text of that model call.
    pub text: String,
    /// The calls, and their outcomes as they arrive.
    pub calls: Vec<(ToolCall, Option<ToolOutcome>)>,
}

/// One turn. See the [module](super) for how it is driven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    id: TurnId,
    phase: Phase,
    steps: u32,
    accepted: Option<Accepted>,
    config: Option<TurnConfig>,
    tools: Option<Vec<String>>,
    analysis: Option<Analysis>,
    escalation: Option<Escalation>,
    choice: Choice,
    may_remember: bool,
    context: Option<Context>,
    /// Whether the window was cut because the model could not read all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_cut: bool,
    prompt_tokens: Tokens,
    model_calls: u32,
    /// The day whose budget pays: that of the message, whenever the answer comes.
    window: BudgetWindow,
    reserved: Tokens,
    attempt: u32,
    failures: u32,
    wait_seconds: u64,
    rounds: Vec<Round>,
    kept: String,
    streamed: usize,
    usage: Usage,
}

/// An input that makes no sense where the turn is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("a turn that is {phase:?} cannot take {input:?}")]
pub struct Unexpected {
    /// Where the turn is.
    pub phase: Phase,
    /// What came.
    pub input: Box<Input>,
}

impl Turn {
    /// A turn to which nothing has happened.
    pub const fn new(id: TurnId) -> Self {
        Self {
            id,
            phase: Phase::New,
            steps: 0,
            accepted: None,
            config: None,
            tools: None,
            analysis: None,
            escalation: None,
            choice: Choice::Dialogue,
            may_remember: false,
            context: None,
            is_cut: false,
            prompt_tokens: 0,
            model_calls: 0,
            window: BudgetWindow(0),
            reserved: 0,
            attempt: 1,
            failures: 0,
            wait_seconds: 0,
            rounds: Vec::new(),
            kept: String::new(),
            streamed: 0,
            usage: Usage { prompt_tokens: 0, completion_tokens: 0, estimated: false },
        }
    }

    /// Folds a record: the state it leads to, and the question that is open.
    ///
    /// # Errors
    ///
    /// [`Unexpected`] if the record is not one that [`step`](Self::step) made.
    pub fn fold<'a>(
        id: TurnId,
        record: impl IntoIterator<Item = &'a RecordedInput>,
    ) -> Result<(Self, Option<Request>), Unexpected> {
        let mut state = (Self::new(id), None);
        for RecordedInput { input, at } in record {
            let step = state.0.step(input.clone(), *at)?;
            state = (step.turn, step.request);
        }
        Ok(state)
    }

    /// Takes one input.
    ///
    /// # Errors
    ///
    /// [`Unexpected`] if it makes no sense in this phase. The turn is consumed: nobody can go on
    /// from half a transition.
    pub fn step(mut self, input: Input, now: Timestamp) -> Result<Step, Unexpected> {
        self.steps += 1;
        match (self.phase, input) {
            (Phase::New, Input::Accepted(accepted)) => Ok(self.accept(accepted, now)),
            (Phase::Accepted, Input::Started { config, tools }) => Ok(self.start(*config, tools)),
            (Phase::Authorizing, Input::Authorized { decisions }) => {
                Ok(self.authorize(decisions, now))
            }
            (Phase::Gathering, Input::ContextLoaded(context)) => Ok(self.load(context, now)),
            (Phase::Reserving, Input::BudgetAnswered { window, grant }) => {
                Ok(self.reserve(window, grant, now))
            }
            (Phase::Generating, Input::ModelAnswered(answer)) => Ok(self.answer(answer, now)),
            (Phase::Generating, Input::ModelFailed { failure, text, usage }) => {
                Ok(self.model_failed(&failure, &text, usage, now))
            }
            (Phase::Generating, Input::Interrupted) => Ok(self.interrupted()),
            (Phase::Generating, Input::Released { text, usage }) => Ok(self.released(&text, usage)),
            (Phase::AwaitingTools, Input::ToolFinished { outcome, tokens })
                if self.waits_for(&outcome) =>
            {
                Ok(self.tool_finished(&outcome, tokens, now))
            }
            (Phase::New | Phase::Done, input) => Err(self.unexpected(input)),
            (_, Input::Cancelled { text, usage }) => Ok(self.cancelled(&text, usage, now)),
            (_, Input::GaveUp { tries }) => Ok(self.gave_up(tries, now)),
            (_, input) => Err(self.unexpected(input)),
        }
    }

    /// The turn's id.
    pub const fn id(&self) -> TurnId {
        self.id
    }

    /// Where it is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How many inputs it has taken: the length of its record.
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// The message it answers; none before it is accepted.
    pub const fn accepted(&self) -> Option<&Accepted> {
        self.accepted.as_ref()
    }

    /// The analysis of the message; none before it is accepted.
    pub const fn analysis(&self) -> Option<&Analysis> {
        self.analysis.as_ref()
    }

    /// What the model is shown beside the message.
    pub const fn context(&self) -> Option<&Context> {
        self.context.as_ref()
    }

    /// The settings it runs with; none before a worker took it up.
    pub const fn config(&self) -> Option<&TurnConfig> {
        self.config.as_ref()
    }

    /// Of the tools there are now, those that were there when the turn began: nothing changes under
    /// a model while it answers.
    pub fn offered(&self, mut tools: Vec<ToolSpec>) -> Vec<ToolSpec> {
        if let Some(names) = &self.tools {
            tools.retain(|tool| names.contains(&tool.name));
        }
        tools
    }

    /// The rounds of tools so far.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// Whether the answer goes to the escalation profile.
    pub const fn is_escalated(&self) -> bool {
        matches!(self.choice, Choice::Escalation)
    }

    /// The hash of the whole state, to compare two foldings of one record.
    pub fn state_hash(&self) -> Digest32 {
        Digest32::of_json(self)
    }

    fn unexpected(&self, input: Input) -> Unexpected {
        Unexpected { phase: self.phase, input: Box::new(input) }
    }

    fn then(self, effects: Effects, request: Option<Request>) -> Step {
        Step { turn: self, effects, request }
    }

    fn profile(&self) -> Option<&ModelProfile> {
        let config = self.config.as_ref()?;
        match self.choice {
            Choice::Dialogue => Some(&config.dialogue),
            Choice::Escalation => config.escalation.as_ref(),
            Choice::Fallback => config.fallback.as_ref(),
        }
    }

    fn account(&self) -> Option<Account> {
        let accepted = self.accepted.as_ref()?;
        Some(Account { tenant: accepted.tenant.clone(), persona_id: accepted.persona_id.clone() })
    }

    /// The reservation of a model call; none before the message is accepted.
    fn reservation(&self, call: u32) -> Option<Reservation> {
        let key = ReservationKey { turn_id: self.id, call };
        Some(Reservation { key, account: self.account()?, window: self.window })
    }

    fn draft(&self, kind: EventType, what: &str, message: &str) -> EventDraft {
        EventDraft {
            event_id: EventId::derived(self.id, what),
            role: Role::Assistant,
            kind,
            message: message.into(),
            metadata: serde_json::Map::new(),
        }
    }
}

/// When a window ends, as seconds from `now`; at least one.
fn seconds_until_end(window: BudgetWindow, now: Timestamp) -> u64 {
    window.end().since(now).as_secs().max(1)
}
