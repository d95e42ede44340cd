//! Claims: one at a time, each counted, none outlived.

use std::time::Duration;

use soma_core::contract::ledger::{AFTER_TTL, MANY, NOW, TTL, newcomer, owner, wants};
use soma_core::contract::talk::{Talk, talk, talk_of};
use soma_core::conversation::chain::Chain;
use soma_core::ports::Work;
use soma_core::ports::work::{Claim, ClaimRequest, Heartbeat, Release};
use soma_core::work::commit::{Commit, WorkKind};
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
    scene.clock.advance(AFTER_TTL);
    scene.claim(WorkKind::Turns);

    let stale = under(&first, talk.progresses(1, 1, TurnState::Ready));
    scene.audit.books().committed(Gist::of(&stale), &[], NOW);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn commit_under_a_claim_that_was_released_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let claim = scene.claim(WorkKind::Turns);
    now(Work::release(&scene.ledger, &claim, Release::Orderly, Duration::ZERO));

    let late = under(&claim, talk.progresses(1, 1, TurnState::Ready));
    scene.audit.books().committed(Gist::of(&late), &[], NOW);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn two_claims_of_a_session_at_once_are_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    let claim = scene.claim(WorkKind::Turns);

    let second = Claim { owner: owner(2), epoch: claim.epoch + 1, ..claim };
    scene.audit.books().claimed(&second, MANY);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn claim_of_a_later_turn_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    scene.commit(talk.accepts(2));
    let claim = scene.claim_behind(WorkKind::Turns);

    let later = Claim { turn_id: Some(talk.turn(2)), ..claim };
    scene.audit.books().claimed(&later, MANY);

    assert_eq!(scene.broken(), [Invariant::Order]);
}

#[test]
fn claims_beyond_the_cap_are_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    scene.ready(&talk(2), 1);
    scene.ready(&talk_of("borealis", 3), 1);
    for _ in 0..2 {
        let one = ClaimRequest { most: 1, tenant_cap: 1, ..wants(WorkKind::Turns, newcomer()) };
        assert_eq!(now(scene.ledger.claim(one)).claims.len(), 1);
    }
    assert_eq!(scene.broken(), []);

    let claim = scene.claim_behind(WorkKind::Turns);
    scene.audit.books().claimed(&claim, 1);

    assert_eq!(scene.broken(), [Invariant::Fairness]);
}

#[test]
fn try_that_is_counted_for_nothing_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    scene.claim(WorkKind::Turns);
    scene.clock.advance(AFTER_TTL);
    let claim = scene.claim(WorkKind::Turns);
    assert_eq!((claim.tries, scene.broken()), (1, Vec::new()));
    now(Work::release(&scene.ledger, &claim, Release::Orderly, Duration::ZERO));
    let claim = scene.claim_behind(WorkKind::Turns);

    let blamed = Claim { tries: 1, ..claim };
    scene.audit.books().claimed(&blamed, MANY);

    assert_eq!(scene.broken(), [Invariant::Liveness]);
}

#[test]
fn turn_that_is_claimed_for_ever_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);

    for _ in 0..61 {
        scene.claim_for(WorkKind::Turns, owner(1)).unwrap();
    }

    assert_eq!(scene.broken(), [Invariant::Liveness]);
}

#[test]
fn tries_begin_anew_after_progress() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);

    let first = scene.claim(WorkKind::Turns);
    now(Work::release(&scene.ledger, &first, Release::Failed, Duration::ZERO));
    let second = scene.claim(WorkKind::Turns);
    scene.commit(under(&second, talk.survives(1, 1)));
    now(Work::release(&scene.ledger, &second, Release::Failed, Duration::ZERO));
    let third = scene.claim(WorkKind::Turns);

    assert_eq!((first.tries, second.tries, third.tries), (0, 1, 1));
    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn tries_begin_anew_after_an_orderly_release_only() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);

    let mut tries = Vec::new();
    for how in [Release::Failed, Release::Orderly, Release::Failed, Release::Failed] {
        let claim = scene.claim(WorkKind::Turns);
        now(Work::release(&scene.ledger, &claim, how, Duration::ZERO));
        tries.push(claim.tries);
    }

    assert_eq!(tries, [0, 1, 0, 1]);
    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn commit_that_releases_a_claim_frees_it() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let first = scene.claim(WorkKind::Turns);

    scene.commit(Commit { release: true, ..under(&first, talk.survives(1, 1)) });
    scene.claim(WorkKind::Turns);

    assert_eq!(scene.audit.violations(), []);
}

#[test]
fn claim_with_another_chain_than_its_session_has_is_told() {
    let scene = Scene::new();
    let talk = talk(1);
    scene.ready(&talk, 1);
    let mut claim = scene.claim_behind(WorkKind::Turns);
    claim.session.chain = Chain::new(talk.session_id);

    scene.audit.books().claimed(&claim, MANY);

    assert_eq!(scene.broken(), [Invariant::Chain]);
}

#[test]
fn holder_of_a_lost_claim_that_is_told_otherwise_is_told() {
    let scene = Scene::new();
    scene.ready(&talk(1), 1);
    let first = scene.claim(WorkKind::Turns);
    scene.clock.advance(AFTER_TTL);
    scene.claim(WorkKind::Turns);
    let holding = [first.holding()];
    let heartbeat = scene.ledger.heartbeat(WorkKind::Turns, first.owner, &holding, TTL);
    assert_eq!(now(heartbeat).lost, holding);

    let told = Heartbeat::default();
    scene.audit.books().told((WorkKind::Turns, first.owner), &holding, &told, NOW);

    assert_eq!(scene.broken(), [Invariant::Fencing]);
}

#[test]
fn session_that_is_passed_over_for_a_tenant_that_holds_more_is_told() {
    for (theirs_waits, broken) in [(false, vec![]), (true, vec![Invariant::Fairness])] {
        let scene = Scene::new();
        let (ours, more, theirs) = (talk(1), talk(2), talk_of("globex", 3));
        scene.ready(&ours, 1);
        scene.ready(&more, 1);
        if theirs_waits {
            scene.ready(&theirs, 1);
        }
        let claims = now(scene.behind().claim(wants(WorkKind::Turns, newcomer()))).claims;
        let of = |talk: &Talk| claims.iter().find(|claim| claim.session_id == talk.session_id);

        scene.audit.books().claimed(of(&ours).unwrap(), MANY);
        scene.audit.books().claimed(of(&more).unwrap(), MANY);

        assert_eq!(scene.broken(), broken);
    }
}
