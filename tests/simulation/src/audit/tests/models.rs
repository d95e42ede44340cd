//! Which model is asked.

use serde_json::json;
use soma_core::contract::talk::talk;
use soma_core::conversation::event::{EventType, NewEvent};
use soma_core::conversation::model::ModelFailure;
use soma_core::work::commit::Commit;

use super::Scene;
use crate::audit::{Invariant, Rules};

const RULES: Rules =
    Rules { escalation: Some("strong"), fallback: Some("second"), has_rate: false };

/// What is told of a turn that asks these models one after the other; each fails.
fn asks(models: &[&str], escalated: bool) -> Vec<Invariant> {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.audit.hold_to(RULES);
    scene.commit(talk.accepts(1));
    if escalated {
        let kind = EventType::UserMessage;
        let mut said = NewEvent { turn_id: Some(talk.turn(1)), kind, ..talk.said("one") };
        said.metadata.insert("escalate".into(), json!(true));
        scene.commit(Commit { events: vec![said], ..talk.commit() });
    }
    for model in models {
        scene.audit.model_chosen(talk.turn(1), model);
        scene.audit.model_failed(talk.turn(1), ModelFailure::Broken);
    }
    scene.broken()
}

#[test]
fn model_that_is_for_other_messages_is_told() {
    assert_eq!(asks(&["first"], false), []);
    assert_eq!(asks(&["strong"], true), []);
    assert_eq!(asks(&["strong"], false), [Invariant::Reason]);
    assert_eq!(asks(&["first"], true), [Invariant::Reason]);
    assert_eq!(asks(&["another"], false), [Invariant::Reason]);
}

#[test]
fn fallback_that_is_asked_too_soon_is_told() {
    assert_eq!(asks(&["first", "first", "first", "second", "second"], false), []);
    assert_eq!(asks(&["first", "first", "second"], false), [Invariant::Reason]);
}

#[test]
fn message_that_was_not_let_in_is_told() {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.audit.hold_to(Rules { has_rate: true, ..RULES });

    scene.commit(talk.accepts(1));

    assert_eq!(scene.broken(), [Invariant::RefusedIsAbsent]);
}
