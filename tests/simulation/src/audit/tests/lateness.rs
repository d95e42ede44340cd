//! What comes late on a fair day.

use std::time::Duration;

use soma_core::contract::ledger::NOW;
use soma_core::contract::talk::{Talk, talk};
use soma_core::conversation::event::{Event, EventType};
use soma_core::work::commit::{Cancel, Commit, WorkKind};

use super::{Scene, after, under};
use crate::audit::Invariant;

const MOMENT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(2);

fn fair() -> Scene {
    let scene = Scene::new();
    scene.audit.expect_fair_day();
    scene.clock.advance(MOMENT);
    scene
}

/// Says something, and shows it after so long to who follows.
fn shown(scene: &Scene, talk: &Talk, late: Duration) {
    let events = scene.commit(talk.says("one"));
    scene.clock.advance(late);
    scene.audit.seen(&events[0], NOW, None);
}

#[test]
fn event_that_comes_late_is_told() {
    for (late, broken) in [(MOMENT, vec![]), (LONG, vec![Invariant::Lateness])] {
        let scene = fair();
        shown(&scene, &talk(1), late);
        assert_eq!(scene.broken(), broken);
    }
}

#[test]
fn lateness_is_excused_on_other_days_and_after_a_loss_and_if_nobody_followed() {
    let (talk, stormy) = (talk(1), Scene::new());
    shown(&stormy, &talk, LONG);
    assert_eq!(stormy.broken(), []);

    let lossy = fair();
    lossy.audit.excuse_lateness();
    shown(&lossy, &talk, LONG);
    assert_eq!(lossy.broken(), []);

    let scene = fair();
    let events = scene.commit(talk.says("one"));
    scene.clock.advance(LONG);
    scene.audit.seen(&events[0], NOW + LONG, None);
    assert_eq!(scene.broken(), []);
}

/// A turn that runs is cancelled, and ends after so long.
fn cancelled(late: Duration) -> Vec<Invariant> {
    let (scene, talk) = (fair(), talk(1));
    scene.ready(&talk, 1);
    let claim = scene.claim(WorkKind::Turns);
    scene.commit(Commit { usage: vec![talk.reserves(1, 1)], ..talk.commit() });
    scene.commit(Commit { cancel: Some(Cancel::Running), ..talk.commit() });
    scene.clock.advance(late);
    let mut ends = after(1, talk.ends(1));
    ends.events[0].kind = EventType::TurnFailed;
    ends.events[0].metadata.insert("reason".into(), "cancelled".into());
    scene.commit(under(&claim, ends));
    scene.broken()
}

#[test]
fn turn_that_goes_on_after_it_was_cancelled_is_told() {
    assert_eq!(cancelled(MOMENT), []);
    assert_eq!(cancelled(LONG), [Invariant::Lateness]);
}

/// An answer that took so long from its first piece to its end, of which a client saw a piece when so
/// much of the time had passed, if it did.
fn answered(took: Duration, shown: Option<Duration>) -> Vec<Invariant> {
    let (scene, talk) = (fair(), talk(1));
    scene.commit(talk.accepts(1));
    scene.audit.books().lateness.said(talk.turn(1), NOW + MOMENT);
    scene.clock.advance(took);
    let mut events: Vec<Event> = scene.commit(talk.ends(1));
    let ended = events.pop().unwrap();
    scene.audit.seen(&ended, NOW, shown.map(|passed| NOW + MOMENT + passed));
    let mut broken = scene.broken();
    broken.retain(|it| *it == Invariant::Lateness);
    broken
}

#[test]
fn slow_answer_of_which_nothing_is_shown_is_told() {
    assert_eq!(answered(LONG, None), [Invariant::Lateness]);
    assert_eq!(answered(LONG, Some(LONG)), [Invariant::Lateness], "it came with the end");
    assert_eq!(answered(LONG, Some(MOMENT)), []);
    assert_eq!(answered(MOMENT, None), []);
}
