//! Claims: one at a time, each counted, none outlived.

use std::time::Duration;

use soma_core::contract::ledger::{AFTER_TTL, MANY, NOW, TTL, owner};
use soma_core::contract::talk::{talk, talk_of};
use soma_core::ports::Work;
use soma_core::ports::work::{Claim, Heartbeat, Release};
use soma_core::work::commit::WorkKind;
use soma_core::work::session::TurnState;

use super::{Scene, now, under};
use crate::audit::Invariant;
use crate::audit::commits::Gist;

#[test]
fn commit_under_an_older_claim_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let first = scene.claim(WorkKind::Turns);
    let later = now(scene.ledger.claim(WorkKind::Turns, owner(2), NOW + AFTER_TTL, TTL, MANY));
    assert!(later.is_some());

    let stale = under(&first, talk.progresses(1, 1, TurnState::Ready));
    scene.audit.books().committed(Gist::of(&stale), &[]);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn commit_under_a_claim_that_was_released_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let claim = scene.claim(WorkKind::Turns);
    now(scene.ledger.release(&claim, Release::Orderly, NOW, Duration::ZERO));

    let late = under(&claim, talk.progresses(1, 1, TurnState::Ready));
    scene.audit.books().committed(Gist::of(&late), &[]);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn two_claims_of_a_session_at_once_are_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    let claim = scene.claim(WorkKind::Turns);

    let second = Claim { owner: owner(2), epoch: claim.epoch + 1, tries: 2, ..claim };
    scene.audit.books().claimed(&second, NOW, TTL, MANY);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn claim_of_a_later_turn_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    scene.commit(talk.accepts(2));
    let claim = now(scene.behind().claim(WorkKind::Turns, owner(1), NOW, TTL, MANY)).unwrap();

    let later = Claim { turn_id: Some(talk.turn(2)), ..claim };
    scene.audit.books().claimed(&later, NOW, TTL, MANY);

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn claims_beyond_the_cap_are_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    scene.ready(&talk(2), 1);
    scene.ready(&talk_of("borealis", 3), 1);
    for _ in 0..2 {
        let claim = now(scene.ledger.claim(WorkKind::Turns, owner(1), NOW, TTL, 1));
        assert!(claim.is_some());
    }
    assert_eq!(scene.broken(), []);

    let claim = now(scene.behind().claim(WorkKind::Turns, owner(1), NOW, TTL, 2)).unwrap();
    scene.audit.books().claimed(&claim, NOW, TTL, 1);

    assert_eq!(scene.broken(), [Invariant::Fairness]);
}

#[test]
fn try_that_is_not_counted_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    scene.claim(WorkKind::Turns);
    let later = NOW + AFTER_TTL;
    let claim = now(scene.behind().claim(WorkKind::Turns, owner(2), later, TTL, MANY)).unwrap();

    let forgotten = Claim { tries: 1, ..claim };
    scene.audit.books().claimed(&forgotten, later, TTL, MANY);

    assert_eq!(scene.broken(), [Invariant::Liveness]);
}

#[test]
fn turn_that_is_claimed_for_ever_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);

    let mut at = NOW;
    for _ in 0..21 {
        assert!(now(scene.ledger.claim(WorkKind::Turns, owner(1), at, TTL, MANY)).is_some());
        at = at + AFTER_TTL;
    }

    assert_eq!(scene.broken(), [Invariant::Liveness]);
}

#[test]
fn tries_begin_anew_after_progress() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);

    let first = scene.claim(WorkKind::Turns);
    scene.commit(under(&first, talk.progresses(1, 1, TurnState::Ready)));
    now(scene.ledger.release(&first, Release::Failed, NOW, Duration::ZERO));
    let second = scene.claim(WorkKind::Turns);

    assert_eq!(second.tries, 1);
    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn tries_begin_anew_after_an_orderly_hand_back_only() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);

    let mut tries = Vec::new();
    for how in [Release::Orderly, Release::Failed, Release::Failed] {
        let claim = scene.claim(WorkKind::Turns);
        now(scene.ledger.release(&claim, how, NOW, Duration::ZERO));
        tries.push(claim.tries);
    }

    assert_eq!(tries, [1, 1, 2]);
    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn try_that_is_forgotten_when_it_failed_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    let first = scene.claim(WorkKind::Turns);
    now(scene.ledger.release(&first, Release::Failed, NOW, Duration::ZERO));
    let claim = now(scene.behind().claim(WorkKind::Turns, owner(1), NOW, TTL, MANY)).unwrap();

    let forgotten = Claim { tries: 1, ..claim };
    scene.audit.books().claimed(&forgotten, NOW, TTL, MANY);

    assert_eq!(scene.broken(), [Invariant::Liveness]);
}

#[test]
fn holder_of_a_lost_claim_that_is_told_otherwise_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    let first = scene.claim(WorkKind::Turns);
    let later = NOW + AFTER_TTL;
    now(scene.ledger.claim(WorkKind::Turns, owner(2), later, TTL, MANY)).unwrap();
    assert_eq!(now(scene.ledger.heartbeat(&first, later, TTL)), Heartbeat::Lost);

    scene.audit.books().heartbeat(&first, later, TTL, Heartbeat::Held);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}
