//! Why a turn fails: each reason is told unless it is so.

use serde_json::json;
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::event::EventType;
use soma_core::conversation::model::ModelFailure;
use soma_core::policy::Action;
use soma_core::work::commit::{Cancel, Commit};

use super::{LIMIT, Scene, allowed};
use crate::audit::{ANSWERED, Invariant};

/// A commit by which the first turn fails.
fn fails(talk: &Talk, reason: &str) -> Commit {
    let mut fails = talk.ends(1);
    fails.events[0].kind = EventType::TurnFailed;
    fails.events[0].metadata.insert("reason".into(), json!(reason));
    fails
}

/// Whether a turn that fails so is told, after what `happens` to it.
fn is_told(reason: &str, happens: impl FnOnce(&Scene, &Talk)) -> bool {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    happens(&scene, &talk);
    scene.commit(fails(&talk, reason));
    scene.broken().contains(&Invariant::Reason)
}

/// A model that fails in these ways, one after the other.
fn model_fails(failures: &[ModelFailure]) -> impl FnOnce(&Scene, &Talk) {
    move |scene, talk| {
        for failure in failures {
            scene.audit.model_failed(talk.turn(1), failure.clone());
        }
    }
}

#[test]
fn failure_for_nothing_is_told() {
    for reason in [
        "cancelled",
        "policy_denied",
        "too_long",
        "timeout",
        "content_filter",
        "model_error",
        "internal",
        "unreadable",
        "anything else",
    ] {
        assert!(is_told(reason, |_, _| {}), "{reason}");
    }
}

#[test]
fn cancellation_is_so_if_somebody_cancelled() {
    let cancel = |scene: &Scene, talk: &Talk| {
        scene.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() });
    };

    assert!(!is_told("cancelled", cancel));
}

#[test]
fn denial_is_so_if_policy_did_not_decide_and_the_turn_has_no_leave() {
    assert!(!is_told("policy_denied", |scene, _| scene.audit.policy_failed()));

    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    scene.audit.policy_failed();
    let decisions = vec![allowed(Action::ConversationSend)];
    scene.commit(Commit { decisions, ..fails(&talk, "policy_denied") });

    assert_eq!(scene.broken(), [Invariant::Reason]);
}

#[test]
fn failure_of_the_model_is_so_if_it_failed_so_and_was_asked_again() {
    let (timeout, broken) = (ModelFailure::Timeout, ModelFailure::Broken);
    let thrice = [timeout.clone(), broken.clone(), broken.clone()];
    let busy = |seconds| ModelFailure::RateLimited { retry_after_seconds: Some(seconds) };

    assert!(!is_told("timeout", model_fails(&thrice)));
    assert!(!is_told("model_error", model_fails(&thrice)));
    assert!(is_told("content_filter", model_fails(&thrice)));
    assert!(is_told("timeout", model_fails(&thrice[..2])), "it was asked twice");
    assert!(!is_told("content_filter", model_fails(&[ModelFailure::ContentFilter])));
    assert!(!is_told("model_error", model_fails(&[busy(61)])));
    assert!(is_told("model_error", model_fails(&[busy(60)])), "it is waited for");
}

#[test]
fn budget_is_used_up_if_the_account_has_no_room() {
    let spends = |scene: &Scene, talk: &Talk| {
        scene.commit(Commit { usage: vec![talk.reserves(1, LIMIT)], ..talk.commit() });
    };

    assert!(!is_told("over_budget", spends));
}

#[test]
fn budget_that_has_room_for_the_largest_call_is_not_used_up() {
    let (scene, talk) = (Scene::limited(1_000_000), talk(1));
    scene.commit(talk.accepts(1));

    scene.commit(fails(&talk, "over_budget"));

    assert_eq!(scene.broken(), [Invariant::Reason]);
}

#[test]
fn endings_are_counted() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    scene.commit(talk.ends(1));
    scene.commit(talk.accepts(2));
    let mut fails = talk.ends(2);
    fails.events[0].kind = EventType::TurnFailed;
    fails.events[0].metadata.insert("reason".into(), json!("timeout"));
    scene.commit(fails);

    let endings = scene.audit.endings();

    assert_eq!(endings.get("timeout"), Some(&1));
    assert_eq!(endings.get(ANSWERED), Some(&1));
}
