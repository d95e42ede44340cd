//! One claim per session and kind, in the order of turns, with every try counted.

use std::time::Duration;

use super::super::ledger::{AFTER_TTL, Ledger, TTL, owner, wants};
use super::super::talk::talk;
use super::super::{Fixture, at_once};
use crate::outbox::wire::Subject;
use crate::ports::work::{Claim, ClaimRequest, Release};
use crate::work::commit::{Cancel, Commit, WorkKind};
use crate::work::session::TurnState;

async fn release(ledger: &Ledger, claim: &Claim) {
    ledger.work.release(claim, Release::Orderly, Duration::ZERO).await.unwrap();
}

pub async fn session_is_claimed_once_at_a_time(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;

    let first = ledger.claim(WorkKind::Turns).await.unwrap();
    let second = ledger.claim(WorkKind::Turns).await;

    assert_eq!(first.turn_id, Some(talk.turn(1)));
    assert_eq!(second, None);
}

pub async fn claims_at_the_same_time_share_no_session(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=8 {
        ledger.ready(&talk(number), 1).await;
        ledger.ready(&talk(number), 2).await;
    }

    let one = |worker| ClaimRequest { most: 1, ..wants(WorkKind::Turns, owner(worker)) };
    let asked = (0..16).map(|worker| ledger.work.claim(one(worker)));
    let claims = at_once(&fixture, asked).await;

    let claims = claims.into_iter().flat_map(|claimed| claimed.unwrap().claims);
    let mut sessions = claims.map(|claim| claim.session_id).collect::<Vec<_>>();
    sessions.sort();
    let ready = (1..=8).map(|number| talk(number).session_id).collect::<Vec<_>>();
    assert_eq!(sessions, ready, "each session is claimed, and by one worker");
}

pub async fn turns_of_a_session_are_claimed_in_their_order(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    for number in 1..=3 {
        ledger.ready(&talk, number).await;
    }

    for number in 1..=3 {
        let claim = ledger.claim(WorkKind::Turns).await.unwrap();
        assert_eq!((claim.turn_id, claim.tries), (Some(talk.turn(number)), 0));
        ledger.commit(talk.ends(number)).await;
        release(&ledger, &claim).await;
    }

    assert_eq!(ledger.claim(WorkKind::Turns).await, None);
}

pub async fn turn_whose_message_overtook_an_earlier_one_waits(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.commit(talk.accepts(1)).await;
    ledger.ready(&talk, 2).await;
    let early = ledger.claim(WorkKind::Turns).await;

    ledger.arrive(&talk, Subject::Turn(talk.turn(1))).await;

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(early, None);
    assert_eq!(claim.turn_id, Some(talk.turn(1)));
}

pub async fn claimed_turn_that_is_done_makes_room_only_once_it_is_released(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let first = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.commit(talk.ends(1)).await;
    let early = ledger.claim(WorkKind::Turns).await;

    release(&ledger, &first).await;

    let second = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!(early, None);
    assert_eq!(second.turn_id, Some(talk.turn(2)));
    assert!(second.epoch > first.epoch);
}

pub async fn turns_and_calls_of_a_session_are_claimed_apart(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(1)).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.arrive(&talk, Subject::ToolResult(talk.call(0))).await;
    let turns = ledger.claim(WorkKind::Turns).await;
    let mut another = talk.asks(2);
    another.turn = None;
    ledger.commit(another).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(1))).await;

    let calls = ledger.claim(WorkKind::Calls).await.unwrap();

    assert_eq!(turns.unwrap().turn_id, Some(talk.turn(1)));
    assert_eq!((calls.session_id, calls.turn_id, calls.tries), (talk.session_id, None, 0));
}

/// A worker that dies at work, and again, cannot escape the count.
pub async fn death_alone_is_counted_before_the_work_is_claimed_again(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;

    let mut tries = Vec::new();
    for _ in 0..4 {
        let claim = ledger.claim(WorkKind::Turns).await.unwrap();
        tries.push(claim.tries);
        ledger.all_die(WorkKind::Turns).await;
    }

    assert_eq!(tries, [0, 1, 2, 3]);
}

pub async fn count_of_tries_starts_anew_with_progress(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(WorkKind::Turns).await.unwrap();
    let second = ledger.claim_after(WorkKind::Turns, 31).await.unwrap();

    ledger.commit(talk.survives(1, 1)).await;

    ledger.all_die(WorkKind::Turns).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!((second.tries, claim.tries), (1, 1), "the death after the progress is the first");
}

pub async fn count_of_tries_goes_on_without_progress(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.claim_after(WorkKind::Turns, 31).await.unwrap();

    ledger.commit(talk.progresses(1, 1, TurnState::Ready)).await;

    ledger.all_die(WorkKind::Turns).await;
    assert_eq!(ledger.claim(WorkKind::Turns).await.unwrap().tries, 2);
}

pub async fn count_of_tries_starts_anew_when_released_in_good_order(
    fixture: impl Fixture<Port = Ledger>,
) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.claim(WorkKind::Turns).await.unwrap();
    let second = ledger.claim_after(WorkKind::Turns, 31).await.unwrap();

    release(&ledger, &second).await;

    let claim = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!((second.tries, claim.tries), (1, 0));
}

pub async fn count_of_tries_starts_anew_with_the_next_turn(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.ready(&talk, 2).await;
    let first = ledger.claim(WorkKind::Turns).await.unwrap();
    ledger.work.release(&first, Release::Failed, Duration::ZERO).await.unwrap();

    ledger.commit(talk.ends(1)).await;

    let next = ledger.claim(WorkKind::Turns).await.unwrap();
    assert_eq!((next.turn_id, next.tries), (Some(talk.turn(2)), 0));
}

pub async fn try_that_failed_stays_counted_when_released(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let first = ledger.claim(WorkKind::Turns).await.unwrap();

    ledger.work.release(&first, Release::Failed, TTL).await.unwrap();

    assert_eq!(ledger.claim_after(WorkKind::Turns, 29).await, None);
    assert_eq!(ledger.claim_after(WorkKind::Turns, 2).await.unwrap().tries, 1);
}

pub async fn session_that_was_released_waits_for_its_delay(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    let claim = ledger.claim(WorkKind::Turns).await.unwrap();

    ledger.work.release(&claim, Release::Orderly, TTL).await.unwrap();

    assert_eq!(ledger.claim_after(WorkKind::Turns, 29).await, None);
    assert!(ledger.claim_after(WorkKind::Turns, 2).await.is_some());
}

pub async fn claim_brings_what_its_owner_needs_to_begin(fixture: impl Fixture<Port = Ledger>) {
    let (ledger, talk) = (fixture.open().await, talk(1));
    ledger.ready(&talk, 1).await;
    ledger.commit(talk.asks(2)).await;
    ledger.commit(talk.finishes(0)).await;
    ledger.arrive(&talk, Subject::ToolRequest(talk.call(1))).await;
    ledger.ready(&talk, 2).await;

    let calls = ledger.claim(WorkKind::Calls).await.unwrap();
    ledger.commit(Commit { cancel: Some(Cancel::Running), ..talk.says("stop") }).await;
    let turn = ledger.claim(WorkKind::Turns).await.unwrap();

    let open = ledger.store.open_calls(talk.session_id).await.unwrap();
    assert_eq!((calls.calls, calls.turn), (open, None));
    assert_eq!((turn.turn, turn.calls.len()), (ledger.store.turn(talk.turn(1)).await.unwrap(), 0));
    assert_eq!(turn.session, ledger.session(&talk).await);
}

pub async fn depth_counts_sessions_that_nobody_claimed(fixture: impl Fixture<Port = Ledger>) {
    let ledger = fixture.open().await;
    for number in 1..=3 {
        ledger.ready(&talk(number), 1).await;
        ledger.ready(&talk(number), 2).await;
    }
    ledger.commit(talk(4).accepts(1)).await;
    ledger.claim(WorkKind::Turns).await.unwrap();

    let depth = |kind| ledger.work.depth(kind);

    assert_eq!(depth(WorkKind::Turns).await.unwrap(), 2);
    assert_eq!(depth(WorkKind::Calls).await.unwrap(), 0);
    ledger.clock.advance(AFTER_TTL).await;
    assert_eq!(depth(WorkKind::Turns).await.unwrap(), 3, "its owner is dead");
}
