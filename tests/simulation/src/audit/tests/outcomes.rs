//! What calls of tools end as: what the tool answered, to whoever asked.

use serde_json::json;
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::event::{EventType, NewEvent};
use soma_core::ports::Store;
use soma_core::tool::{CallChange, ToolOutcome, ToolStatus};
use soma_core::work::commit::{Cancel, Commit};

use super::{Scene, now};
use crate::audit::{Audit, Invariant};

/// A turn that waits for two calls.
fn asked(talk: &Talk) -> Scene {
    let scene = Scene::new();
    scene.commit(talk.accepts(1));
    scene.commit(talk.asks(2));
    scene
}

fn finishes(talk: &Talk, outcome: ToolOutcome) -> Commit {
    Commit { calls: vec![CallChange::Finish { outcome }], ..talk.commit() }
}

/// Whether an outcome of the first call is told, after what `happens`.
fn is_told(outcome: ToolOutcome, happens: impl FnOnce(&Scene, &Audit)) -> bool {
    let talk = talk(1);
    let scene = asked(&talk);
    happens(&scene, &scene.audit);
    scene.commit(finishes(&talk, outcome));
    scene.broken().contains(&Invariant::Outcome)
}

fn ended(status: ToolStatus) -> ToolOutcome {
    ToolOutcome::failed(talk(1).call(0), status, "it says why")
}

#[test]
fn outcome_that_the_tool_did_not_answer_to_this_call_is_told() {
    let (talk, answer) = (talk(1), |call| talk_outcome(call));
    let of_another = ToolOutcome { call_id: talk.call(0), ..answer(1) };

    assert!(!is_told(answer(0), |_, audit| audit.tool_answered(&answer(0))));
    assert!(is_told(answer(0), |_, _| {}), "no tool answered");
    assert!(is_told(of_another, |_, audit| audit.tool_answered(&answer(1))));
}

fn talk_outcome(call: usize) -> ToolOutcome {
    talk(1).outcome(call, &format!("done {call}"))
}

#[test]
fn call_that_is_cancelled_or_blocked_or_lost_for_nothing_is_told() {
    let cancel = |scene: &Scene, _: &Audit| {
        scene.commit(Commit { cancel: Some(Cancel::Running), ..talk(1).commit() });
    };
    let begins = |scene: &Scene, _: &Audit| drop(scene.commit(talk(1).takes_on(0)));

    for status in [ToolStatus::Cancelled, ToolStatus::Blocked, ToolStatus::OutcomeUnknown] {
        assert!(is_told(ended(status), |_, _| {}), "{status:?}");
    }
    assert!(!is_told(ended(ToolStatus::Cancelled), cancel));
    assert!(!is_told(ended(ToolStatus::Blocked), |_, audit| audit.policy_failed()));
    assert!(!is_told(ended(ToolStatus::OutcomeUnknown), begins));
}

#[test]
fn event_that_says_another_outcome_is_told() {
    let (talk, outcome) = (talk(1), talk_outcome(0));
    for (said, broken) in [(outcome.payload.to_string(), false), ("another".into(), true)] {
        let scene = asked(&talk);
        scene.audit.tool_answered(&outcome);
        let mut event = NewEvent {
            turn_id: Some(talk.turn(1)),
            kind: EventType::ToolResult,
            ..talk.said(&said)
        };
        event.metadata.insert("call_id".into(), json!(outcome.call_id));
        event.metadata.insert("status".into(), json!(outcome.status));

        scene.commit(Commit { events: vec![event], ..finishes(&talk, outcome.clone()) });

        assert_eq!(scene.broken().contains(&Invariant::Outcome), broken);
    }
}

#[test]
fn outcome_that_the_ledger_lost_is_told_at_rest() {
    let talk = talk(1);
    let scene = asked(&talk);
    now(scene.behind().commit(finishes(&talk, talk_outcome(0))));

    scene.audit.at_rest(&scene.memory);

    assert!(scene.broken().contains(&Invariant::Outcome));
}
