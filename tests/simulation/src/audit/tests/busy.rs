//! Messages that come while a turn of their session is unfinished.

use soma_core::contract::talk::{Talk, talk};
use soma_core::flows::submit_message::WhenBusy;
use soma_core::policy::Action;
use soma_core::work::commit::{Cancel, Commit};

use super::{Scene, allowed};
use crate::audit::Invariant;

/// What is told of a message that `accepts`, and says what to do, after another.
fn broken(when_busy: WhenBusy, accepts: impl FnOnce(&Scene, &Talk)) -> Vec<Invariant> {
    let (scene, talk) = (Scene::new(), talk(1));
    scene.commit(talk.accepts(1));
    accepts(&scene, &talk);
    scene.audit.accepted_when_busy(talk.turn(2), when_busy);
    scene.broken()
}

fn accepts(scene: &Scene, talk: &Talk) {
    scene.commit(talk.accepts(2));
}

fn cancels(scene: &Scene, talk: &Talk) {
    scene.commit(Commit { cancel: Some(Cancel::Running), ..talk.accepts(2) });
}

fn comes_later(scene: &Scene, talk: &Talk) {
    let decisions = vec![allowed(Action::ConversationSend)];
    scene.commit(Commit { decisions, ..talk.ends(1) });
    scene.commit(talk.accepts(2));
}

#[test]
fn message_that_was_to_be_refused_is_told() {
    assert_eq!(broken(WhenBusy::Reject, accepts), [Invariant::Busy]);
    assert_eq!(broken(WhenBusy::Reject, comes_later), []);
}

#[test]
fn message_that_interrupts_nothing_is_told() {
    assert_eq!(broken(WhenBusy::Interrupt, accepts), [Invariant::Busy]);
    assert_eq!(broken(WhenBusy::Interrupt, cancels), []);
    assert_eq!(broken(WhenBusy::Interrupt, comes_later), []);
}

#[test]
fn message_that_waits_is_fine() {
    assert_eq!(broken(WhenBusy::Enqueue, accepts), []);
}

#[test]
fn session_is_busy_until_its_turns_have_ended() {
    let (scene, talk) = (Scene::new(), talk(1));
    assert!(!scene.audit.is_busy(talk.session_id));

    scene.commit(talk.accepts(1));
    assert!(scene.audit.is_busy(talk.session_id));

    scene.commit(talk.ends(1));
    assert!(!scene.audit.is_busy(talk.session_id));
}
