//! Courses of turns, drawn at random: a chance says what happens next, and the turn's phase decides
//! which input that is.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, json};
use uuid::Uuid;

use crate::budget::window::BudgetWindow;
use crate::budget::{Account, Grant, Reservation, ReservationKey, Tokens, UsageChange};
use crate::conversation::event::Seq;
use crate::conversation::model::{FinishReason, ModelFailure, ModelToolCall, Usage};
use crate::conversation::profile::ModelProfile;
use crate::ids::{EventId, PersonaId, SessionId, TenantId, TurnId};
use crate::policy::{Action, Decision, PolicyRequest};
use crate::testing::text;
use crate::time::Timestamp;
use crate::tool::{ToolOutcome, ToolStatus};
use crate::turn::config::TurnConfig;
use crate::turn::input::{Accepted, Context, Input, ModelAnswer, Recalled, RecordedInput};
use crate::turn::machine::{Phase, Turn};
use crate::turn::step::{Request, Step};

/// What happens next to a turn.
#[derive(Clone, Debug)]
pub(crate) enum Chance {
    /// What was asked comes back; a model says `text` and asks for so many tools.
    Answer { text: String, tools: usize, amount: Tokens },
    /// It does not come back, or only `text` of it.
    Failure { failure: ModelFailure, text: String, amount: Tokens },
    /// The worker dies.
    Loss,
    /// The worker stops when `text` was streamed.
    Stop { text: String, amount: Tokens },
    /// The person cancels when `text` was streamed.
    Cancel { text: String, amount: Tokens },
    /// The turn is given up.
    GiveUp,
}

/// A turn, and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) id: TurnId,
    pub(crate) accepted: Accepted,
    pub(crate) config: TurnConfig,
    pub(crate) chances: Vec<Chance>,
}

/// An input that was taken, and what it led to.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) input: RecordedInput,
    pub(crate) step: Step,
}

impl Course {
    /// Drives the turn to its end. When nothing more is to happen, the person cancels.
    pub(crate) fn run(&self) -> Vec<Taken> {
        let mut turn = Turn::new(self.id);
        let mut call = None;
        let mut taken = Vec::new();
        let cancel = Chance::Cancel { text: String::new(), amount: 0 };
        for (index, chance) in self.chances.iter().chain([&cancel; 2]).enumerate() {
            if turn.phase() == Phase::Done {
                break;
            }
            let at = second(index);
            let input = self.input(&turn, call.as_ref(), chance);
            let step = turn.step(input.clone(), at).unwrap();
            (turn, call) = (step.turn.clone(), step.request.clone());
            taken.push(Taken { input: RecordedInput { input, at }, step });
        }
        taken
    }

    /// The input that `chance` is where the turn is.
    pub(crate) fn input(&self, turn: &Turn, call: Option<&Request>, chance: &Chance) -> Input {
        let generating = turn.phase() == Phase::Generating;
        match (turn.phase(), chance) {
            (Phase::New, _) => Input::Accepted(self.accepted.clone()),
            (_, Chance::Cancel { text, amount }) if generating => {
                Input::Cancelled { text: text.clone(), usage: usage(*amount) }
            }
            (_, Chance::Cancel { .. }) => {
                Input::Cancelled { text: String::new(), usage: Usage::default() }
            }
            (_, Chance::GiveUp) => Input::GaveUp { tries: 3 },
            (Phase::Accepted, _) => {
                Input::Started { config: Box::new(self.config.clone()), tools: None }
            }
            (Phase::Authorizing, chance) => authorized(chance),
            (Phase::Gathering, chance) => Input::ContextLoaded(context(chance)),
            (Phase::Reserving, chance) => granted(call, chance),
            (Phase::Generating, Chance::Loss) => Input::Interrupted,
            (Phase::Generating, Chance::Stop { text, amount }) => {
                Input::Released { text: text.clone(), usage: usage(*amount) }
            }
            (Phase::Generating, Chance::Answer { text, tools, amount }) => {
                Input::ModelAnswered(answered(text, *tools, *amount))
            }
            (Phase::Generating, Chance::Failure { failure, text, amount }) => Input::ModelFailed {
                failure: failure.clone(),
                text: text.clone(),
                usage: usage(*amount),
            },
            (Phase::AwaitingTools, chance) => tool_finished(turn, chance),
            (Phase::Done, _) => panic!("nothing happens to a turn that is over"),
        }
    }
}

fn authorized(chance: &Chance) -> Input {
    let deny = matches!(chance, Chance::Failure { failure: ModelFailure::Unauthorized, .. });
    let remember = !matches!(chance, Chance::Failure { .. });
    Input::Authorized {
        decisions: vec![
            decision(Action::ConversationSend, !deny),
            decision(Action::MemoryRecall, true),
            decision(Action::MemoryWrite, remember),
        ],
    }
}

fn context(chance: &Chance) -> Context {
    let amount = chance.amount();
    let recall_error = matches!(chance, Chance::Failure { .. }).then(|| "no memory".to_owned());
    let recalled = Recalled {
        event_id: EventId::from_uuid(Uuid::from_u128(77)),
        text: chance.text().to_owned(),
        score: 0.1 + 0.2,
    };
    let recalled =
        if recall_error.is_none() && amount.is_multiple_of(2) { vec![recalled] } else { vec![] };
    Context { window: vec![Seq(1), Seq(3)], recalled, recall_error, prompt_tokens: amount }
}

fn granted(call: Option<&Request>, chance: &Chance) -> Input {
    let Some(Request::Reserve { want, least, window, .. }) = call else {
        panic!("{call:?} is no reservation")
    };
    let refused = matches!(chance, Chance::Failure { failure, .. } if !failure.is_transient());
    let grant = if refused {
        Grant::Refused
    } else {
        Grant::Granted((least + chance.amount() % 7).min(*want))
    };
    Input::BudgetAnswered { window: *window, grant }
}

fn tool_finished(turn: &Turn, chance: &Chance) -> Input {
    let open: Vec<_> = turn.open_calls().collect();
    let choice = usize::try_from(chance.amount()).unwrap() % open.len();
    let outcome = ToolOutcome {
        call_id: open[choice].call_id,
        status: ToolStatus::Success,
        payload: json!({"said": chance.text()}),
        execution_time: 0.1,
    };
    Input::ToolFinished { outcome, tokens: chance.amount() % 50 }
}

impl Chance {
    pub(crate) fn amount(&self) -> Tokens {
        match self {
            Self::Answer { amount, .. }
            | Self::Failure { amount, .. }
            | Self::Stop { amount, .. }
            | Self::Cancel { amount, .. } => *amount,
            Self::Loss | Self::GiveUp => 1,
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Answer { text, .. }
            | Self::Failure { text, .. }
            | Self::Stop { text, .. }
            | Self::Cancel { text, .. } => text,
            Self::Loss | Self::GiveUp => "",
        }
    }
}

/// A point in time.
pub(crate) fn second(number: usize) -> Timestamp {
    let micros = i64::try_from(number).unwrap() * 1_000_000;
    Timestamp::from_micros(20_000 * 86_400_000_000 + micros)
}

/// A whole answer of a model.
pub(crate) fn answered(text: &str, tools: usize, amount: Tokens) -> ModelAnswer {
    let call = |index: usize| ModelToolCall {
        id: format!("call-{}", index / 2),
        name: "echo".into(),
        arguments: json!({"n": index}).to_string(),
    };
    ModelAnswer {
        text: text.into(),
        tool_calls: (0..tools).map(call).collect(),
        finish: if tools == 0 { FinishReason::Stop } else { FinishReason::ToolCalls },
        usage: usage(amount),
        model: "acme/small".into(),
        tokens: amount % 40,
    }
}

/// Tokens that a call used.
pub(crate) fn usage(amount: Tokens) -> Usage {
    Usage { prompt_tokens: amount / 2, completion_tokens: amount - amount / 2, estimated: false }
}

/// A decision of the policy engine.
pub(crate) fn decision(action: Action, allow: bool) -> Decision {
    let request = PolicyRequest {
        tenant: TenantId::new("acme").unwrap(),
        persona_id: None,
        action,
        resource: "message".into(),
        context: json!({}),
    };
    Decision::new(&request, allow, Vec::new())
}

/// A model's profile; `name` tells them apart.
pub(crate) fn profile(name: &str) -> ModelProfile {
    ModelProfile { temperature_milli: Some(700), ..ModelProfile::new(name, 200, 1_000) }
}

/// Settings with every profile.
pub(crate) fn config() -> TurnConfig {
    TurnConfig {
        dialogue: profile("dialogue"),
        escalation: Some(profile("escalation")),
        fallback: Some(profile("fallback")),
        max_tool_rounds: 2,
        max_model_tries: 2,
        budget_limit: Some(1_000_000),
        least_answer_tokens: 10,
    }
}

/// An accepted message.
pub(crate) fn accepted(message: &str) -> Accepted {
    Accepted {
        tenant: TenantId::new("acme").unwrap(),
        session_id: SessionId::from_uuid(Uuid::from_u128(1)),
        event_id: EventId::from_uuid(Uuid::from_u128(2)),
        persona_id: Some(PersonaId::new("ada").unwrap()),
        message: message.into(),
        attachments: Vec::new(),
        metadata: Map::new(),
        trace: None,
    }
}

/// What settles a model call of the first turn, whose message was [`accepted`] at [`second`] 0.
pub(crate) fn settles(call: u32, used: Tokens) -> UsageChange {
    let Accepted { tenant, persona_id, .. } = accepted("hi");
    let reservation = Reservation {
        key: ReservationKey { turn_id: turn_id(1), call },
        account: Account { tenant, persona_id },
        window: BudgetWindow::at(second(0)),
    };
    UsageChange::Settle { reservation, used }
}

/// The turns that the tests are about.
pub(crate) fn turn_id(number: u128) -> TurnId {
    TurnId::from_uuid(Uuid::from_u128(1_000 + number))
}

/// Any failure of a model.
pub(crate) fn failures() -> impl Strategy<Value = ModelFailure> {
    prop_oneof![
        3 => Just(ModelFailure::Broken),
        2 => Just(ModelFailure::Timeout),
        2 => Just(ModelFailure::Unavailable("gone".into())),
        2 => proptest::option::of(0_u64..200)
            .prop_map(|retry_after_seconds| ModelFailure::RateLimited { retry_after_seconds }),
        1 => Just(ModelFailure::Unauthorized),
        1 => Just(ModelFailure::TooLong),
        1 => Just(ModelFailure::ContentFilter),
        1 => Just(ModelFailure::Refused("no".into())),
    ]
}

/// Anything that may happen next.
pub(crate) fn chances() -> impl Strategy<Value = Chance> {
    let amount = prop_oneof![20 => 0_u64..300, 1 => 0_u64..2_000];
    let piece = text(12);
    prop_oneof![
        24 => (piece, prop_oneof![3 => Just(0_usize), 2 => 1_usize..4], amount.clone())
            .prop_map(|(text, tools, amount)| Chance::Answer { text, tools, amount }),
        6 => (failures(), text(12), amount.clone())
            .prop_map(|(failure, text, amount)| Chance::Failure { failure, text, amount }),
        3 => Just(Chance::Loss),
        2 => (text(12), amount.clone()).prop_map(|(text, amount)| Chance::Stop { text, amount }),
        1 => (text(12), amount).prop_map(|(text, amount)| Chance::Cancel { text, amount }),
        1 => Just(Chance::GiveUp),
    ]
}

/// Any course of the turn with this id.
pub(crate) fn courses(id: TurnId) -> impl Strategy<Value = Course> {
    let settings = (any::<bool>(), any::<bool>(), 0_u32..4, 1_u32..4);
    let message = (text(12), any::<bool>());
    (message, settings, vec(chances(), 0..40)).prop_map(
        move |((message, escalate), (escalation, fallback, rounds, tries), chances)| {
            let mut accepted = accepted(&message);
            accepted.metadata.insert("escalate".into(), json!(escalate));
            let config = TurnConfig {
                escalation: escalation.then(|| profile("escalation")),
                fallback: fallback.then(|| profile("fallback")),
                max_tool_rounds: rounds,
                max_model_tries: tries,
                ..config()
            };
            Course { id, accepted, config, chances }
        },
    )
}
