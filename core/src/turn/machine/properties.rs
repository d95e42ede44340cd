//! What holds for every course of a turn, whatever happens in it and in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::budget::account::{Entry, LedgerAccount};
use crate::budget::{Grant, Spent, UsageChange};
use crate::conversation::model::ModelFailure;
use crate::testing::course::{Course, Taken, courses, second, turn_id};
use crate::testing::holds;

fn any_course() -> impl Strategy<Value = Course> {
    courses(turn_id(1))
}

/// The events of a course, in order.
fn events(taken: &[Taken]) -> Vec<&EventDraft> {
    taken.iter().flat_map(|taken| &taken.step.effects.record).collect()
}

fn last(taken: &[Taken]) -> &Taken {
    taken.last().unwrap()
}

fn field(event: &EventDraft, name: &str) -> Value {
    event.metadata.get(name).cloned().unwrap_or_default()
}

/// What the person is told in the end: the answer, or as much of it as there is.
fn told(event: &EventDraft) -> String {
    if event.kind == EventType::AssistantFinal {
        event.message.clone()
    } else {
        field(event, "text").as_str().unwrap().to_owned()
    }
}

#[test]
fn exactly_one_event_is_terminal_and_nothing_follows_it() {
    holds(128, &any_course(), |course| {
        let taken = course.run();

        let kinds: Vec<EventType> = events(&taken).iter().map(|event| event.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| kind.is_terminal()).count(), 1, "{kinds:?}");
        assert!(kinds.last().unwrap().is_terminal(), "{kinds:?}");
        assert_eq!(last(&taken).step.turn.phase(), Phase::Done);
        assert_eq!(last(&taken).step.request, None);
    });
}

#[test]
fn no_event_no_call_and_no_memory_has_the_id_of_another() {
    holds(128, &any_course(), |course| {
        let taken = course.run();

        let effects = || taken.iter().map(|taken| &taken.step.effects);
        let ids: Vec<EventId> = events(&taken).iter().map(|event| event.event_id).collect();
        let calls: Vec<_> =
            effects().flat_map(|effects| &effects.tools).map(|call| call.call_id).collect();
        let keys: Vec<_> =
            effects().flat_map(|effects| &effects.memory).map(|write| &write.key).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert_eq!(calls.iter().collect::<BTreeSet<_>>().len(), calls.len());
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    });
}

/// One input of every kind; none of them fits everywhere.
fn one_of_each(course: &Course, taken: &[Taken]) -> Vec<Input> {
    let mut inputs: Vec<Input> = taken.iter().map(|taken| taken.input.input.clone()).collect();
    inputs.extend([
        Input::Accepted(course.accepted.clone()),
        Input::Interrupted,
        Input::Released { text: String::new(), usage: Usage::default() },
        Input::GaveUp { tries: 1 },
        Input::Cancelled { text: String::new(), usage: Usage::default() },
    ]);
    inputs
}

#[test]
fn input_that_makes_no_sense_is_refused_with_the_phase_it_came_in() {
    holds(64, &any_course(), |course| {
        let taken = course.run();

        for (index, at) in taken.iter().enumerate() {
            let turn = &at.step.turn;
            for input in one_of_each(&course, &taken) {
                if let Err(error) = turn.clone().step(input.clone(), second(index)) {
                    assert_eq!(error, Unexpected { phase: turn.phase(), input: Box::new(input) });
                } else {
                    assert!(fits(turn.phase(), &input), "{:?} took {input:?}", turn.phase());
                }
            }
        }
    });
}

/// Whether an input of this kind can make sense in this phase.
fn fits(phase: Phase, input: &Input) -> bool {
    let begun = !matches!(phase, Phase::New | Phase::Done);
    match input {
        Input::Accepted(_) => phase == Phase::New,
        Input::Started { .. } => phase == Phase::Accepted,
        Input::Authorized { .. } => phase == Phase::Authorizing,
        Input::ContextLoaded(_) => phase == Phase::Gathering,
        Input::BudgetAnswered { .. } => phase == Phase::Reserving,
        Input::ModelAnswered(_)
        | Input::ModelFailed { .. }
        | Input::Interrupted
        | Input::Released { .. } => phase == Phase::Generating,
        Input::ToolFinished { .. } => phase == Phase::AwaitingTools,
        Input::Cancelled { .. } | Input::GaveUp { .. } => begun,
    }
}

/// The ledger that a course leaves, and how often each reservation was settled.
#[derive(Default)]
struct Ledger {
    account: LedgerAccount,
    places: BTreeMap<ReservationKey, (Account, BudgetWindow)>,
    settled: BTreeMap<ReservationKey, u32>,
}

impl Ledger {
    fn of(taken: &[Taken]) -> Self {
        let mut ledger = Self::default();
        for change in taken.iter().flat_map(|taken| &taken.step.effects.usage) {
            match change {
                UsageChange::Reserve { key, amount, account, window, .. } => {
                    assert_eq!(ledger.account.entry(*key), None, "reserved twice");
                    ledger.account.restore(*key, *amount);
                    ledger.places.insert(*key, (account.clone(), *window));
                }
                UsageChange::Settle { reservation: Reservation { key, account, window }, used } => {
                    let place = ledger.places.get(key);
                    assert!(place.is_none_or(|place| *place == (account.clone(), *window)));
                    *ledger.settled.entry(*key).or_default() += 1;
                    assert!(ledger.account.entry(*key).is_some() || *used == 0, "used unreserved");
                    ledger.account.settle(*key, *used);
                }
                UsageChange::SettleInFull { .. } => panic!("no step settles in full"),
            }
        }
        ledger
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.settled.keys().filter_map(|key| self.account.entry(*key))
    }
}

/// What a model call used that ends with this input; none if the input ends none.
fn used(input: &Input, reserved: Tokens) -> Option<Tokens> {
    match input {
        Input::ModelAnswered(answer) => Some(answer.usage.total()),
        Input::ModelFailed { usage, .. }
        | Input::Released { usage, .. }
        | Input::Cancelled { usage, .. } => Some(usage.total()),
        Input::Interrupted | Input::GaveUp { .. } => Some(reserved),
        Input::Accepted(_)
        | Input::Started { .. }
        | Input::Authorized { .. }
        | Input::ContextLoaded(_)
        | Input::BudgetAnswered { .. }
        | Input::ToolFinished { .. } => None,
    }
}

/// What the model calls of a course used, by what was reported, or in full where nobody knows.
fn reported(taken: &[Taken]) -> Tokens {
    let mut open = 0;
    let mut sum = 0;
    for Taken { input, .. } in taken {
        if let Input::BudgetAnswered { grant: Grant::Granted(amount), .. } = &input.input {
            open = *amount;
        } else if let Some(used) = used(&input.input, open) {
            sum += used;
            open = 0;
        }
    }
    sum
}

#[test]
fn every_reservation_is_settled_once_by_what_was_used() {
    holds(128, &any_course(), |course| {
        let taken = course.run();

        let ledger = Ledger::of(&taken);
        let spent = ledger.account.spent();
        assert_eq!(spent.reserved, 0, "a reservation is left open");
        assert!(ledger.settled.values().all(|times| *times == 1), "{:?}", ledger.settled);
        assert_eq!(spent.used, reported(&taken));
        for entry in ledger.entries() {
            let used = entry.used.unwrap().min(entry.reserved);
            assert_eq!(entry.reserved, used + entry.released());
        }
        let terminal = events(&taken).pop().unwrap();
        assert_eq!(field(terminal, "usage")["total_tokens"], spent.used);
    });
}

#[test]
fn turn_that_is_written_off_ends_whatever_its_record_and_leaves_nothing_open() {
    holds(64, &any_course(), |course| {
        let taken = course.run();

        let record: Vec<RecordedInput> = taken.iter().map(|taken| taken.input.clone()).collect();
        for (index, at) in taken.iter().enumerate() {
            let effects = Turn::write_off(course.id, &record[..=index]);

            let mut account = Ledger::of(&taken[..=index]).account;
            let before = account.spent();
            for change in effects.usage {
                let UsageChange::Settle { reservation, used } = change else {
                    panic!("{change:?}")
                };
                account.settle(reservation.key, used);
            }
            let used = before.used + before.reserved;
            assert_eq!(account.spent(), Spent { used, reserved: 0 });
            let kinds: Vec<EventType> = effects.record.iter().map(|event| event.kind).collect();
            let streamed = record[..=index].iter().any(|recorded| {
                matches!(recorded.input, Input::BudgetAnswered { grant: Grant::Granted(_), .. })
            });
            let voided = streamed.then_some(EventType::AssistantRestarted);
            assert_eq!(
                kinds,
                voided.into_iter().chain([EventType::TurnFailed]).collect::<Vec<_>>()
            );
            let attempt = field(&effects.record[0], "attempt").as_u64().unwrap();
            assert!(!streamed || attempt > u64::from(at.step.turn.attempt));
        }
    });
}

#[test]
fn record_folds_to_the_same_state_and_question_at_every_prefix() {
    holds(64, &any_course(), |course| {
        let taken = course.run();

        let record: Vec<RecordedInput> = taken.iter().map(|taken| taken.input.clone()).collect();
        for (index, Taken { step, .. }) in taken.iter().enumerate() {
            let (turn, call) = Turn::fold(course.id, &record[..=index]).unwrap();
            assert_eq!(turn.state_hash(), step.turn.state_hash());
            assert_eq!(turn.steps() as usize, index + 1);
            assert_eq!((&turn, &call), (&step.turn, &step.request));
        }
    });
}

/// What is read back of what was written.
fn stored<T>(value: &T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn another_worker_goes_on_from_the_stored_record_as_the_first_would() {
    holds(64, &(any_course(), 0_usize..40), |(course, at)| {
        let taken = course.run();
        let at = at % taken.len();
        let record: Vec<RecordedInput> =
            taken[..at].iter().map(|taken| stored(&taken.input)).collect();

        let (mut turn, mut call) = Turn::fold(course.id, &record).unwrap();

        for Taken { input, step } in &taken[at..] {
            let next = turn.step(stored(&input.input), input.at).unwrap();
            assert_eq!(&next, step);
            (turn, call) = (next.turn, next.request);
        }
        assert_eq!((turn.phase(), call), (Phase::Done, None));
    });
}

#[test]
fn states_and_inputs_and_questions_round_trip_as_json() {
    holds(64, &any_course(), |course| {
        for Taken { input, step } in course.run() {
            assert_eq!(stored(&input), input);
            assert_eq!(stored(&step.request), step.request);
            assert_eq!(stored(&step.turn), step.turn);
            assert_eq!(stored(&step.turn).state_hash(), step.turn.state_hash());
        }
    });
}

#[test]
fn every_restart_raises_the_attempt_by_one_and_nothing_else_does() {
    holds(128, &any_course(), |course| {
        let taken = course.run();

        let mut attempt = 1;
        for Taken { step, .. } in &taken {
            for event in &step.effects.record {
                if event.kind == EventType::AssistantRestarted {
                    attempt += 1;
                }
                if event.metadata.contains_key("attempt") {
                    assert_eq!(field(event, "attempt"), attempt);
                }
            }
            if let Some(Request::Generate(generate)) = &step.request {
                assert_eq!(generate.attempt, attempt);
                assert!(generate.kept.is_char_boundary(generate.streamed));
            }
        }
    });
}

/// The text that a course leads to, by its inputs alone.
fn expected_text(taken: &[Taken]) -> String {
    let mut kept = String::new();
    for Taken { input, step } in taken {
        if let Input::ModelAnswered(answer) = &input.input {
            kept.push_str(&answer.text);
            if !step.effects.tools.is_empty() && !kept.is_empty() {
                kept.push_str("\n\n");
            }
        }
        if let Input::ModelFailed { text, .. } | Input::Cancelled { text, .. } = &input.input
            && step.turn.phase() == Phase::Done
        {
            kept.push_str(text);
        }
    }
    kept
}

#[test]
fn nothing_that_was_said_before_the_end_is_left_out_of_it() {
    holds(128, &any_course(), |course| {
        let taken = course.run();

        let terminal = events(&taken).pop().unwrap();
        assert_eq!(told(terminal), expected_text(&taken));
    });
}

#[test]
fn models_are_asked_within_the_limits_of_rounds_tries_and_tokens() {
    holds(128, &any_course(), |course| {
        let (config, taken) = (course.config.clone(), course.run());

        let rounds = last(&taken).step.turn.rounds().len();
        assert!(rounds <= config.max_tool_rounds as usize);
        let mut failed: BTreeMap<String, u32> = BTreeMap::new();
        let (mut asked, mut cut) = (String::new(), false);
        for Taken { input, step } in &taken {
            if let Input::ModelFailed { failure, .. } = &input.input {
                // Once more with a shorter window is no further try of the same.
                let is_too_long = *failure == ModelFailure::TooLong;
                let shorter = is_too_long && !std::mem::replace(&mut cut, true);
                *failed.entry(asked.clone()).or_default() += u32::from(!shorter);
            }
            if matches!(&input.input, Input::ModelAnswered(answer) if !answer.text.is_empty()) {
                failed.clear();
            }
            if let Some(Request::Generate(generate)) = &step.request {
                asked.clone_from(&generate.profile.model);
                assert!(failed.get(&asked).is_none_or(|times| *times < config.max_model_tries));
                assert_eq!(
                    generate.tools,
                    step.turn.rounds().len() < config.max_tool_rounds as usize
                );
                assert!(generate.max_tokens <= generate.profile.max_tokens);
                assert!(generate.wait_seconds <= 60);
            }
        }
    });
}
