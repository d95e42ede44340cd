//! What a turn does in cases that are worth a name.

use serde_json::{Value, json};

use super::*;
use crate::budget::Grant;
use crate::conversation::model::{FinishReason, ModelFailure};
use crate::policy::Action;
use crate::testing::course::{
    accepted, answered, config, decision, second, settles, turn_id, usage,
};
use crate::turn::input::ModelAnswer;
use crate::turn::step::Generate;

/// A turn on its way, with everything its last step led to.
struct Driven {
    step: Step,
    at: usize,
}

impl Driven {
    fn accepted(message: Accepted) -> Self {
        let step = Turn::new(turn_id(1)).step(Input::Accepted(message), second(0)).unwrap();
        Self { step, at: 0 }
    }

    fn feed(self, input: Input) -> Self {
        let at = self.at + 1;
        Self { step: self.step.turn.step(input, second(at)).unwrap(), at }
    }

    fn feed_all(self, inputs: impl IntoIterator<Item = Input>) -> Self {
        inputs.into_iter().fold(self, Self::feed)
    }

    /// Asks the model: takes what was wanted.
    fn granted(self) -> Self {
        let Some(Request::Reserve { want, .. }) = self.step.request else {
            panic!("{:?}", self.step.request)
        };
        self.feed(budget(Grant::Granted(want)))
    }

    fn generate(&self) -> &Generate {
        let Some(Request::Generate(generate)) = &self.step.request else {
            panic!("{:?}", self.step.request)
        };
        generate
    }

    fn event(&self, kind: EventType) -> &EventDraft {
        let found = self.step.effects.record.iter().find(|event| event.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind:?} in {:?}", self.step.effects.record))
    }

    fn reason(&self) -> Value {
        self.event(EventType::TurnFailed).metadata["reason"].clone()
    }

    fn text(&self) -> Value {
        self.event(EventType::TurnFailed).metadata["text"].clone()
    }
}

fn budget(grant: Grant) -> Input {
    Input::BudgetAnswered { window: BudgetWindow(20_000), grant }
}

fn started() -> Input {
    Input::Started { config: Box::new(config()), tools: None }
}

fn allowed() -> Input {
    let actions = [Action::ConversationSend, Action::MemoryRecall, Action::MemoryWrite];
    Input::Authorized { decisions: actions.map(|action| decision(action, true)).to_vec() }
}

fn context(prompt_tokens: Tokens) -> Input {
    let (window, recalled) = (Vec::new(), Vec::new());
    Input::ContextLoaded(Context { window, recalled, recall_error: None, prompt_tokens })
}

fn failed(failure: ModelFailure, text: &str) -> Input {
    Input::ModelFailed { failure, text: text.into(), usage: usage(7) }
}

fn cancelled(text: &str, used: Tokens) -> Input {
    Input::Cancelled { text: text.into(), usage: usage(used) }
}

fn answer(text: &str, tools: usize) -> Input {
    Input::ModelAnswered(answered(text, tools, 20))
}

fn result(call: &ToolCall) -> Input {
    let outcome = ToolOutcome {
        call_id: call.call_id,
        status: crate::tool::ToolStatus::Success,
        payload: json!({"ok": 1}),
        execution_time: 0.0,
    };
    Input::ToolFinished { outcome, tokens: 5 }
}

fn generating_for(message: Accepted) -> Driven {
    Driven::accepted(message).feed_all([started(), allowed(), context(100)]).granted()
}

fn generating() -> Driven {
    generating_for(accepted("hello"))
}

/// A turn in every phase from its acceptance to its last model call.
fn in_every_phase() -> Vec<Driven> {
    vec![
        Driven::accepted(accepted("hello")),
        Driven::accepted(accepted("hello")).feed(started()),
        Driven::accepted(accepted("hello")).feed_all([started(), allowed()]),
        Driven::accepted(accepted("hello")).feed_all([started(), allowed(), context(100)]),
        generating(),
        generating().feed(answer("", 2)),
    ]
}

#[test]
fn escalated_message_is_answered_by_the_escalation_profile() {
    let mut message = accepted("hello");
    message.metadata.insert("risk_level".into(), json!("critical"));

    let driven = generating_for(message);

    assert_eq!(driven.generate().profile.model, "escalation");
    assert!(driven.step.turn.is_escalated());
    let done = driven.feed(answer("hi", 0));
    assert_eq!(
        done.event(EventType::AssistantFinal).metadata["escalation"],
        json!({"escalate": true, "reason": "risk_level_high"})
    );
}

#[test]
fn message_that_is_not_escalated_is_answered_by_the_dialogue_profile() {
    assert_eq!(generating().generate().profile.model, "dialogue");
}

#[test]
fn transient_failure_is_tried_again_and_then_left_to_the_fallback() {
    let first = generating();

    let second = first.feed(failed(ModelFailure::Timeout, "")).granted();
    assert_eq!((&*second.generate().profile.model, second.generate().failures), ("dialogue", 1));
    let third = second.feed(failed(ModelFailure::Timeout, "")).granted();
    assert_eq!((&*third.generate().profile.model, third.generate().failures), ("fallback", 0));
    let fourth = third.feed(failed(ModelFailure::Broken, "")).granted();
    assert_eq!((&*fourth.generate().profile.model, fourth.generate().failures), ("fallback", 1));
    let done = fourth.feed(failed(ModelFailure::Timeout, ""));
    assert_eq!(done.reason(), "timeout");
}

#[test]
fn failure_that_time_does_not_heal_goes_to_the_fallback_at_once() {
    let driven = generating().feed(failed(ModelFailure::Unauthorized, "")).granted();

    assert_eq!(driven.generate().profile.model, "fallback");
    assert_eq!(driven.feed(failed(ModelFailure::NotFound, "")).reason(), "model_error");
}

#[test]
fn model_that_wants_to_be_left_alone_is_waited_for_up_to_a_minute() {
    let busy =
        |seconds| failed(ModelFailure::RateLimited { retry_after_seconds: Some(seconds) }, "");

    let waits = generating().feed(busy(60)).granted();
    let leaves = generating().feed(busy(61)).granted();

    assert_eq!((&*waits.generate().profile.model, waits.generate().wait_seconds), ("dialogue", 60));
    assert_eq!(
        (&*leaves.generate().profile.model, leaves.generate().wait_seconds),
        ("fallback", 0)
    );
}

#[test]
fn failure_before_any_text_restarts_nothing() {
    let quiet = generating().feed(failed(ModelFailure::Broken, ""));
    let heard = generating().feed(failed(ModelFailure::Broken, "Once upon"));

    assert_eq!(quiet.step.effects.record, []);
    assert_eq!(quiet.granted().generate().attempt, 1);
    assert_eq!(heard.event(EventType::AssistantRestarted).metadata["attempt"], 2);
    assert_eq!(heard.granted().generate().attempt, 2);
}

#[test]
fn cancellation_ends_every_phase_and_keeps_the_text_so_far() {
    for driven in in_every_phase() {
        let phase = driven.step.turn.phase();

        let done = driven.feed(cancelled("", 0));

        assert_eq!((done.reason(), done.text()), (json!("cancelled"), json!("")), "{phase:?}");
    }
    let driven = generating().feed(answer("Let me see.", 1));
    let calls: Vec<ToolCall> = driven.step.turn.open_calls().cloned().collect();
    let driven = driven.feed_all(calls.iter().map(result)).granted();

    let done = driven.feed(cancelled("It is", 33));

    assert_eq!(done.text(), "Let me see.\n\nIt is");
    assert_eq!(done.step.effects.usage, [settles(2, 33)]);
}

#[test]
fn giving_up_ends_every_phase() {
    for driven in in_every_phase() {
        let phase = driven.step.turn.phase();

        let done = driven.feed(Input::GaveUp { tries: 3 });

        assert_eq!(done.reason(), "internal", "{phase:?}");
        assert_eq!(done.step.turn.phase(), Phase::Done);
    }
}

#[test]
fn turn_that_is_new_or_over_cannot_be_cancelled_or_given_up() {
    let over = generating().feed(answer("hi", 0)).step.turn;

    for turn in [Turn::new(turn_id(1)), over] {
        let phase = turn.phase();
        for input in [cancelled("", 0), Input::GaveUp { tries: 3 }] {
            let error = turn.clone().step(input, second(9)).unwrap_err();
            assert_eq!(error.phase, phase);
        }
    }
}

#[test]
fn what_a_dead_worker_may_have_reserved_unrecorded_is_released() {
    let reserving = Driven::accepted(accepted("hi")).feed_all([started(), allowed(), context(9)]);

    let done = reserving.feed(cancelled("", 0));

    assert_eq!(done.step.effects.usage, [settles(1, 0)]);
}

#[test]
fn calls_that_a_model_gave_the_same_id_are_told_apart() {
    let driven = generating().feed(answer("", 2));
    let calls: Vec<ToolCall> = driven.step.turn.open_calls().cloned().collect();
    assert_eq!(calls[0].model_call_id, calls[1].model_call_id);

    let one = driven.feed(result(&calls[1]));
    let repeated = one.step.turn.clone().step(result(&calls[1]), second(9));
    let both = one.feed(result(&calls[0]));

    assert!(matches!(repeated, Err(Unexpected { phase: Phase::AwaitingTools, .. })));
    assert_eq!(both.step.turn.phase(), Phase::Reserving);
    assert_eq!(both.step.turn.rounds()[0].calls.len(), 2);
}

#[test]
fn denied_message_reaches_no_model_and_no_memory() {
    let denied = Input::Authorized {
        decisions: vec![
            decision(Action::ConversationSend, false),
            decision(Action::MemoryWrite, true),
        ],
    };

    let done = Driven::accepted(accepted("hi")).feed_all([started(), denied]);

    assert_eq!(done.reason(), "policy_denied");
    assert_eq!(done.step.effects.memory, []);
    assert_eq!(done.step.effects.decisions.len(), 2);
}

#[test]
fn policy_that_did_not_decide_denies() {
    let silent = Input::Authorized { decisions: Vec::new() };

    let done = Driven::accepted(accepted("hi")).feed_all([started(), silent]);

    assert_eq!(done.reason(), "policy_denied");
}

#[test]
fn spent_budget_says_when_it_is_renewed() {
    let reserving = Driven::accepted(accepted("hi")).feed_all([started(), allowed(), context(9)]);

    let done = reserving.feed(budget(Grant::Refused));

    assert_eq!(done.reason(), "over_budget");
    let renewed = &done.event(EventType::TurnFailed).metadata["retry_after_seconds"];
    assert_eq!(*renewed, 86_400 - 4);
}

#[test]
fn budget_that_is_spent_after_a_round_of_tools_keeps_what_was_said() {
    let driven = generating().feed(answer("Let me see.", 1));
    let call = driven.step.turn.open_calls().next().cloned().unwrap();

    let done = driven.feed(result(&call)).feed(budget(Grant::Refused));

    assert_eq!((done.reason(), done.text()), (json!("over_budget"), json!("Let me see.\n\n")));
}

#[test]
fn prompt_that_does_not_fit_is_too_long_before_and_after_tools() {
    let opening = Driven::accepted(accepted("hi")).feed_all([started(), allowed()]);
    assert_eq!(opening.feed(context(801)).reason(), "too_long");

    let driven = Driven::accepted(accepted("hi")).feed_all([started(), allowed(), context(799)]);
    let driven = driven.granted().feed(answer("", 1));
    let call = driven.step.turn.open_calls().next().cloned().unwrap();
    assert_eq!(driven.feed(result(&call)).reason(), "too_long");
}

#[test]
fn empty_answer_is_a_failure_of_the_model() {
    let filtered = ModelAnswer { finish: FinishReason::ContentFilter, ..answered("", 0, 4) };

    let driven = generating().feed(answer("", 0)).granted();
    assert_eq!(driven.generate().profile.model, "fallback");
    assert_eq!(driven.feed(Input::ModelAnswered(filtered)).reason(), "content_filter");
}

#[test]
fn tools_beyond_the_last_round_are_not_run() {
    let mut driven = generating();
    for _ in 0..2 {
        driven = driven.feed(answer("Hm.", 1));
        let call = driven.step.turn.open_calls().next().cloned().unwrap();
        driven = driven.feed(result(&call)).granted();
    }
    assert!(!driven.generate().tools);

    let done = driven.feed(answer("Enough.", 3));

    assert_eq!(done.event(EventType::AssistantFinal).message, "Hm.\n\nHm.\n\nEnough.");
    assert_eq!(done.step.effects.tools, []);
}

#[test]
fn numbers_at_their_limits_do_not_overflow() {
    let huge = |text: &str| {
        let usage = Usage { prompt_tokens: u64::MAX, ..usage(1) };
        Input::ModelAnswered(ModelAnswer { usage, tokens: u64::MAX, ..answered(text, 1, 1) })
    };
    let mut wide = config();
    (wide.dialogue.max_tokens, wide.dialogue.context_tokens) = (u64::MAX / 2, u64::MAX);
    let start = Input::Started { config: Box::new(wide), tools: None };

    let driven = Driven::accepted(accepted("hi"))
        .feed_all([start, allowed(), context(u64::MAX / 2)])
        .granted()
        .feed(huge("a"));
    let call = driven.step.turn.open_calls().next().cloned().unwrap();

    assert_eq!(driven.feed(result(&call)).reason(), "too_long");
}

#[test]
fn turn_that_loses_worker_after_worker_begins_anew_each_time() {
    let lose = |driven: Driven| driven.feed(Input::Interrupted).granted();

    let driven = (0..5).fold(generating(), |driven, _| lose(driven));

    assert_eq!(driven.generate().attempt, 6);
    assert_eq!(driven.step.turn.phase(), Phase::Generating);
}

#[test]
fn turn_that_is_given_up_while_a_model_answers_voids_what_was_streamed() {
    let done = generating().feed(Input::Interrupted).granted().feed(Input::GaveUp { tries: 3 });

    assert_eq!(done.event(EventType::AssistantRestarted).metadata["attempt"], 3);
}

#[test]
fn turn_that_is_released_again_and_again_is_not_given_up() {
    let release = |driven: Driven| {
        driven.feed(Input::Released { text: "Hm".into(), usage: usage(7) }).granted()
    };

    let driven = (0..5).fold(generating(), |driven, _| release(driven));

    assert_eq!(driven.generate().attempt, 6);
}

#[test]
fn what_a_new_worker_feeds_a_turn_is_no_progress() {
    for input in [Input::Interrupted, budget(Grant::Refused), Input::GaveUp { tries: 3 }] {
        assert!(!input.is_progress(), "{input:?}");
    }
    for input in [allowed(), context(9), failed(ModelFailure::Broken, "")] {
        assert!(input.is_progress(), "{input:?}");
    }
}
